//! One side of a comparison: a process, and callers who are connected with it.

use std::{process::Stdio, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    Failure,
    load::{Call, Crowd},
    nginx::Nginx,
    process::Process,
    rows::Bench,
    sidecar::{API_KEY, Home, Log, connections, free_address, wait_for},
    stats::Pairs,
    stub::{Native, Stub},
    table::{Figure, Goal, Row},
};

/// How many callers there are, unless a row is about their number.
pub(super) const CALLERS: usize = 32;
/// Each call becomes the native ones that nginx passes through; reads that are joined are a row of their own.
pub(super) const SINGLE: &str = "limits: { join_reads: false }\n";

/// Who is measured.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) process: Process,
    pub(super) crowd: Crowd,
    /// Its folder, which goes with it.
    _home: Lodging,
}

#[derive(Debug)]
enum Lodging {
    Ours { _home: Home },
    Theirs { _nginx: Nginx },
    Relay,
}

impl Side {
    /// The proxy with these settings, and a connection at each provider. Like nginx it logs no calls.
    pub(super) async fn ours(
        bench: &Bench<'_>,
        stub: &Stub,
        settings: &str,
        callers: usize,
    ) -> Result<Self, Failure> {
        Self::ours_logging(bench, stub, settings, callers, Log::Faults).await
    }

    pub(super) async fn ours_logging(
        bench: &Bench<'_>,
        stub: &Stub,
        settings: &str,
        callers: usize,
        log: Log,
    ) -> Result<Self, Failure> {
        let rest = format!("{settings}{}", connections(stub));
        let trusted = stub.speaks().tls.then_some(&bench.identity);
        let home = Home::new(&bench.arguments.binary, trusted, log, &rest)?;
        let process = home.serve(&bench.cores)?;
        Ok(Self {
            process,
            crowd: Crowd::connect(home.address, callers).await?,
            _home: Lodging::Ours { _home: home },
        })
    }

    /// nginx, where it is installed.
    pub(super) async fn theirs(
        bench: &Bench<'_>,
        stub: &Stub,
        callers: usize,
    ) -> Result<Option<Self>, Failure> {
        Self::theirs_logging(bench, stub, callers, Log::Faults).await
    }

    pub(super) async fn theirs_logging(
        bench: &Bench<'_>,
        stub: &Stub,
        callers: usize,
        log: Log,
    ) -> Result<Option<Self>, Failure> {
        if !bench.has_nginx {
            return Ok(None);
        }
        let nginx = Nginx::new(stub, &bench.identity.path(), log)?;
        let process = nginx.serve(&bench.cores)?;
        Ok(Some(Self {
            process,
            crowd: Crowd::connect(nginx.address, callers).await?,
            _home: Lodging::Theirs { _nginx: nginx },
        }))
    }

    /// A relay of hyper's that does nothing else.
    pub(super) async fn relay(
        bench: &Bench<'_>,
        stub: &Stub,
        callers: usize,
    ) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = bench.cores.measured(&std::env::current_exe()?);
        command
            .arg("--relay")
            .args([address.to_string(), stub.address().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start(command)?;
        wait_for(address, &mut process).map_err(|failure| format!("the relay {failure}"))?;
        Ok(Self {
            process,
            crowd: Crowd::connect(address, callers).await?,
            _home: Lodging::Relay,
        })
    }

    /// The native calls that a call becomes, and its answer.
    pub(super) async fn native(
        &mut self,
        stub: &Stub,
        call: &Call,
    ) -> Result<(Vec<Native>, Bytes), Failure> {
        stub.record();
        let answer = self.crowd.ask(call).await;
        let native = stub.recorded();
        Ok((native, answer?))
    }

    /// Time on a core for each call that is answered, in microseconds.
    pub(super) async fn cpu_per_call(
        &mut self,
        long: Duration,
        calls: &Arc<[Call]>,
    ) -> Result<f64, Failure> {
        cpu_per_call(&self.process, &mut self.crowd, long, calls).await
    }
}

/// Time on a core that a process spends on each call of these callers that is answered, in microseconds.
pub(super) async fn cpu_per_call(
    process: &Process,
    crowd: &mut Crowd,
    long: Duration,
    calls: &Arc<[Call]>,
) -> Result<f64, Failure> {
    let before = process.cpu();
    let answered = crowd.call_for(long, calls).await?;
    let spent = process.cpu().saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(answered)?))
}

/// What unified calls cost, in turns with the native ones that each becomes through nginx.
pub(super) async fn compare(
    bench: &Bench<'_>,
    unified: &Arc<[Call]>,
    native: &[Native],
    ours: &mut Side,
    mut theirs: Option<&mut Side>,
) -> Result<Row, Failure> {
    let long = bench.arguments.load();
    let natives: Arc<[Call]> = native.iter().map(Call::from).collect();
    // What is only done once is done before it counts.
    ours.cpu_per_call(long / 10, unified).await?;
    if let Some(theirs) = &mut theirs {
        theirs.cpu_per_call(long / 10, &natives).await?;
    }
    let mut pairs = Pairs::default();
    for _ in 0..bench.arguments.rounds() {
        let other = match &mut theirs {
            Some(theirs) => theirs.cpu_per_call(long, &natives).await?,
            None => f64::NAN,
        };
        let others = f64::from(u32::try_from(native.len())?) * other;
        pairs.add(ours.cpu_per_call(long, unified).await?, others);
    }
    let row = Row::alone("", Figure::CpuMicros(pairs.ours()), Goal::None);
    Ok(if theirs.is_some() {
        row.beside(Figure::CpuMicros(pairs.theirs()), &pairs)
    } else {
        row
    })
}

/// The headers of who calls for a connection.
pub(super) fn as_caller_of(connection: &str) -> [(&'static str, &str); 2] {
    [("x-apikey", API_KEY), ("x-connection-id", connection)]
}
