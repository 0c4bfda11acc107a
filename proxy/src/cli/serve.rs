//! `crosswalk serve`

use std::path::Path;

use crosswalk::{
    config, log,
    route::Api,
    server::{Drained, Server},
};
use tokio::sync::oneshot;

use super::{Failure, background, runtime_of, signals::Signals};

pub(super) fn run(api: &Api, path: &Path) -> Result<(), Failure> {
    let config = config::read(path, api)?;
    log::start(config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let background = match config.state.store {
        Some(_) => Some(background()?),
        None => None,
    };
    runtime_of(config.limits.threads)?.block_on(async {
        let signals = Signals::catch()?;
        let mut server = Server::bind(*api, &config, None).await?;
        if let Some(background) = &background {
            server = server.with_background(background.handle().clone());
        }
        tracing::info!(
            address = %server.address(),
            admin = server.admin_address().map(tracing::field::display),
            connections = config.connections.len(),
            "listening"
        );
        until_stopped(server, signals).await
    })
}

/// Serves until a signal, then drains; a second signal ends that as well.
pub(super) async fn until_stopped(server: Server, mut signals: Signals) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = std::pin::pin!(server.run(async {
        let _ = stopped.await;
    }));
    tokio::select! {
        _ = &mut running => return Ok(()),
        () = signals.next() => {}
    }
    tracing::info!("draining; another signal stops at once");
    let _ = stop.send(());
    tokio::select! {
        drained = running => match drained {
            Drained::Fully => Ok(()),
            Drained::Partly => Err(Failure::Cut),
        },
        () = signals.next() => Err(Failure::Stopped),
    }
}
