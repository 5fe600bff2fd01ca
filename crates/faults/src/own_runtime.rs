//! A thread with a runtime of its own: servers of the harness run beside whatever they are to disturb.
//!
//! Holds: the thread. Waits: for its end when dropped. Loses: what was under way then, as a server that
//! is switched off does.

use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// A server on a thread of its own; dropped, it is switched off.
#[derive(Debug)]
pub(crate) struct OwnRuntime {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OwnRuntime {
    /// Runs what `serve` makes until it is dropped.
    pub(crate) fn start<F: Future<Output = ()>>(
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve() => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("oracle".to_owned());
        Self {
            stop: Some(stop),
            thread: Some(thread.spawn(work).expect("a thread")),
        }
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("a server of the harness panicked");
        }
    }
}
