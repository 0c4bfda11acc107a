//! The last calls, for those who want to see what they became.
//!
//! Of every call its metadata is kept: what it was, how it ended, which native calls it became. Bodies and headers are
//! kept only of a call that asks for it with `x-crosswalk-record: full`, and only in memory. Bounded by a number of calls
//! and by bytes; the oldest go first. There is none where the port of those who watch is not open, and then a call costs
//! nothing more than the question whether there is one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;

use crate::{config::Limits, log::CallLog, upstream::Exchange};

pub(crate) mod mask;
mod shown;

/// Asks for the bodies to be kept, by the word `full`.
pub const RECORD: &str = "x-crosswalk-record";
const FULL: &str = "full";
/// What one call takes beside its texts and bodies, roughly.
const CALL_BYTES: usize = 512;

/// Where the last calls are.
#[derive(Debug)]
pub struct Recorder {
    most_calls: usize,
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The number of the last call; they are counted from 1 on.
    last: u64,
    bytes: usize,
    /// The oldest first.
    calls: VecDeque<Arc<Recorded>>,
}

/// One call, at its end.
#[derive(Debug)]
pub(crate) struct Recorded {
    number: u64,
    request_id: String,
    operation: Option<&'static str>,
    provider: Option<&'static str>,
    connection: Option<String>,
    /// Who called; empty where that was not found out.
    caller: Arc<str>,
    method: String,
    path: String,
    status: u16,
    code: Option<&'static str>,
    started: tokio::time::Instant,
    started_at: Timestamp,
    took: Duration,
    native_calls: u32,
    joined: u32,
    native: Vec<Exchange>,
    whole: Option<Whole>,
}

/// What is kept of a call that asks for it.
#[derive(Debug)]
struct Whole {
    target: String,
    headers: Vec<(String, String)>,
    request: Bytes,
    answer: Bytes,
    /// There was no room for the bodies.
    is_cut: bool,
}

/// A call that is under way.
#[derive(Debug)]
pub struct Recording {
    recorder: Arc<Recorder>,
    method: String,
    path: String,
    asked: Option<Asked>,
    answer: OnceLock<Bytes>,
}

/// The head of a call that asks for all.
#[derive(Debug)]
struct Asked {
    target: String,
    headers: Vec<(String, String)>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) status: u16,
    pub(crate) code: Option<&'static str>,
    pub(crate) took: Duration,
}

impl Recorder {
    /// None where nothing is to be kept.
    pub fn new(limits: &Limits) -> Option<Self> {
        (limits.recorded_calls > 0).then(|| Self {
            most_calls: limits.recorded_calls,
            most_bytes: limits.recorded_bytes,
            kept: Mutex::default(),
        })
    }

    /// The calls after the one with this number that fit, the newest first, and the number of the last call of all.
    pub(crate) fn after(
        &self,
        number: u64,
        most: usize,
        fits: impl Fn(&Recorded) -> bool,
    ) -> (Vec<Arc<Recorded>>, u64) {
        let kept = self.kept();
        let newest_first = kept.calls.iter().rev();
        let calls = newest_first
            .take_while(|call| call.number > number)
            .filter(|call| fits(call))
            .take(most)
            .cloned();
        (calls.collect(), kept.last)
    }

    /// The newest call with a request id that fits.
    pub(crate) fn find(
        &self,
        request_id: &str,
        fits: impl Fn(&Recorded) -> bool,
    ) -> Option<Arc<Recorded>> {
        let kept = self.kept();
        let mut newest_first = kept.calls.iter().rev();
        newest_first
            .find(|call| call.request_id == request_id && fits(call))
            .cloned()
    }

    fn keep(&self, mut call: Recorded) {
        if call.bytes() > self.most_bytes / 4 {
            call.cut();
        }
        let bytes = call.bytes();
        let mut gone = Vec::new();
        {
            let mut kept = self.kept();
            kept.last += 1;
            call.number = kept.last;
            kept.bytes += bytes;
            kept.calls.push_back(Arc::new(call));
            while kept.calls.len() > self.most_calls || kept.bytes > self.most_bytes {
                let Some(oldest) = kept.calls.pop_front() else {
                    break;
                };
                kept.bytes = kept.bytes.saturating_sub(oldest.bytes());
                gone.push(oldest);
            }
        }
        // Freed where nobody waits for it.
        drop(gone);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// The beginning of a call.
    pub(crate) fn begin<B>(recorder: &Arc<Recorder>, request: &Request<B>) -> Box<Self> {
        let wish = request.headers().get(RECORD);
        let asked = wish.filter(|wish| *wish == FULL).map(|_| Asked {
            target: request
                .uri()
                .path_and_query()
                .map_or_else(|| "/".to_owned(), |target| mask::target(target.as_str())),
            headers: mask::headers(request.headers(), ""),
        });
        Box::new(Self {
            recorder: Arc::clone(recorder),
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            asked,
            answer: OnceLock::new(),
        })
    }

    /// Whether all of the call is kept.
    pub(crate) fn is_whole(&self) -> bool {
        self.asked.is_some()
    }

    /// The body of the answer.
    pub(crate) fn answered(&self, body: &[u8]) {
        let _ = self.answer.set(Bytes::copy_from_slice(body));
    }

    /// The call is at its end.
    pub(crate) fn ended(self, log: &CallLog, ended: Ended) {
        let Self {
            recorder,
            method,
            path,
            asked,
            answer,
        } = self;
        let whole = asked.map(|asked| Whole {
            target: asked.target,
            headers: asked.headers,
            request: log.body.get().cloned().unwrap_or_default(),
            answer: answer.into_inner().unwrap_or_default(),
            is_cut: false,
        });
        recorder.keep(Recorded {
            number: 0,
            request_id: log.request_id.clone(),
            operation: log.operation.get().copied(),
            provider: log.provider.get().copied(),
            connection: log.connection_id().map(str::to_owned),
            caller: Arc::clone(&log.native.behalf().caller),
            method,
            path,
            status: ended.status,
            code: ended.code,
            started: log.started,
            started_at: Timestamp::now()
                .checked_sub(jiff::SignedDuration::try_from(ended.took).unwrap_or_default())
                .unwrap_or(Timestamp::MIN),
            took: ended.took,
            native_calls: log.native.calls(),
            joined: log.native.joined(),
            native: log.native.take_exchanges(),
            whole,
        });
    }
}

impl Recorded {
    /// Who called; empty where that was not found out.
    pub(crate) fn caller(&self) -> &str {
        &self.caller
    }

    fn bytes(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| -> usize {
            pairs
                .iter()
                .map(|(name, value)| name.len() + value.len() + 48)
                .sum()
        };
        let native = self.native.iter().map(|exchange| {
            let request = exchange.request.as_ref().map_or(0, Bytes::len);
            let response = exchange.response.as_ref().map_or(0, |(_, body)| body.len());
            let heads = exchange.heads.as_ref();
            let heads = heads.map_or(0, |it| {
                it.url.len() + pairs(&it.request) + pairs(&it.response)
            });
            size_of::<Exchange>() + exchange.target.len() + request + response + heads
        });
        let whole = self.whole.as_ref().map_or(0, |whole| {
            let bodies = whole.request.len() + whole.answer.len();
            whole.target.len() + pairs(&whole.headers) + bodies
        });
        CALL_BYTES + self.request_id.len() + self.path.len() + native.sum::<usize>() + whole
    }

    /// Lets go of the bodies.
    fn cut(&mut self) {
        for exchange in &mut self.native {
            exchange.request = None;
            if let Some((_, body)) = &mut exchange.response {
                *body = Bytes::new();
            }
        }
        if let Some(whole) = &mut self.whole {
            whole.is_cut = true;
            whole.request = Bytes::new();
            whole.answer = Bytes::new();
        }
        // A call that repeats itself without end is told by its beginning.
        self.native.truncate(256);
    }
}

#[cfg(test)]
mod tests {
    use crate::upstream::{Keeps, NativeLog};

    use super::*;

    fn recorder(calls: usize, bytes: usize) -> Arc<Recorder> {
        let limits = Limits {
            recorded_calls: calls,
            recorded_bytes: bytes,
            ..Limits::default()
        };
        Arc::new(Recorder::new(&limits).unwrap())
    }

    /// A call from its beginning to its end, with a body where it asks for that.
    fn call(recorder: &Arc<Recorder>, id: &str, body: Option<Vec<u8>>) {
        let mut request = Request::get("/unified/crm/account?cursor=x");
        if body.is_some() {
            request = request.header(RECORD, FULL).header("x-apikey", "canary");
        }
        let recording = Recording::begin(recorder, &request.body(()).unwrap());
        let log = CallLog::new(id.to_owned(), NativeLog::keeping(Keeps::Heads));
        let log = log.recorded(Some(recording));
        if let Some(body) = body {
            let _ = log.body.set(body.clone().into());
            log.recording().unwrap().answered(&body);
        }
        log.ended(&Ok::<(), crate::error::Error>(()));
    }

    fn ids(recorder: &Recorder, after: u64) -> Vec<String> {
        let (calls, _) = recorder.after(after, 100, |_| true);
        calls.iter().map(|call| call.request_id.clone()).collect()
    }

    #[test]
    fn the_last_calls_are_told_newest_first_and_from_a_number_on() {
        let recorder = recorder(3, 1 << 20);
        for id in ["a", "b", "c", "d"] {
            call(&recorder, id, None);
        }
        assert_eq!(ids(&recorder, 0), ["d", "c", "b"]);
        assert_eq!(ids(&recorder, 3), ["d"]);
        assert_eq!(recorder.after(4, 100, |_| true).1, 4);
        assert!(recorder.find("a", |_| true).is_none());
        assert!(recorder.find("d", |_| false).is_none());
    }

    #[test]
    fn bodies_are_kept_within_their_bytes_alone() {
        let recorder = recorder(1000, 64 * 1024);
        for id in 0..100 {
            call(&recorder, &id.to_string(), Some(vec![b'1'; 4000]));
        }
        let kept = recorder.kept();
        assert!(kept.bytes <= 64 * 1024, "{}", kept.bytes);
        assert!((4..20).contains(&kept.calls.len()), "{}", kept.calls.len());
        let counted: usize = kept.calls.iter().map(|call| call.bytes()).sum();
        assert_eq!(counted, kept.bytes);
    }

    #[test]
    fn a_call_too_large_is_told_without_its_bodies() {
        let recorder = recorder(10, 64 * 1024);
        call(&recorder, "large", Some(vec![b'1'; 40_000]));
        let kept = recorder.find("large", |_| true).unwrap();
        let whole = kept.whole.as_ref().unwrap();
        assert!(whole.is_cut && whole.request.is_empty() && whole.answer.is_empty());
        assert_eq!(whole.target, "/unified/crm/account?cursor=x");
        assert_eq!(kept.path, "/unified/crm/account");
    }

    #[test]
    fn a_key_is_not_kept() {
        let recorder = recorder(10, 1 << 20);
        call(&recorder, "a", Some(b"{}".to_vec()));
        let kept = recorder.find("a", |_| true).unwrap();
        assert!(!format!("{kept:?}").contains("canary"));
    }
}
