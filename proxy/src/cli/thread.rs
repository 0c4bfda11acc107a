//! Threads with runtimes of their own: those that answer calls beside the main one, and the one for what no call is to
//! wait for.

use std::{io, thread};

use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
};

/// Runs what is spawned on its handle. Dropped, it ends what still runs there, and waits for that.
///
/// Threads that each look after themselves are cheaper than a scheduler that has them share their work: nothing is locked,
/// and nobody is woken to look for something to do.
#[derive(Debug)]
pub(super) struct Thread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    running: Option<thread::JoinHandle<()>>,
}

impl Thread {
    /// Starts one, which is seen by this name where the system shows threads.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // An error is a sender that was dropped, which says the same.
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Self {
            handle,
            stop: Some(stop),
            running: Some(running),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Tells it to end, and does not wait for it. Of several, all are told before one is waited for.
    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop();
        if let Some(running) = self.running.take() {
            // A panic was told where it happened.
            let _ = running.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_is_spawned_runs_there_and_ends_with_it() {
        struct Ends(mpsc::Sender<&'static str>);
        impl Drop for Ends {
            fn drop(&mut self) {
                let _ = self.0.send("ended");
            }
        }
        let thread = Thread::start("beside").unwrap();
        let (tell, told) = mpsc::channel();
        let ends = Ends(tell.clone());
        let waits = thread.handle().spawn(async move {
            let _ends = ends;
            let _ = tell.send("running");
            std::future::pending::<()>().await;
        });
        assert_eq!(told.recv(), Ok("running"));
        let named = thread
            .handle()
            .spawn(async { std::thread::current().name().map(str::to_owned) });
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let name = runtime.block_on(named).unwrap();
        assert_eq!(name.as_deref(), Some("beside"));
        drop(thread);
        assert_eq!(told.recv(), Ok("ended"));
        assert!(waits.is_finished());
    }
}
