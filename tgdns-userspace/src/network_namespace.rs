//! A network namespace for one test: made with `ip netns`, entered by a thread of its own, gone at the end.

use std::{
    fs::File,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::sched::{CloneFlags, setns};

pub(crate) struct NetworkNamespace {
    name: String,
}

impl NetworkNamespace {
    /// With nothing but a loopback device that is up. Needs root.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tgdns-unit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&format!("netns add {name}"));
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` in the namespace, with the words of a line as its arguments.
    pub(crate) fn ip(&self, arguments: &str) {
        run(&format!("-n {} {arguments}", self.name));
    }

    /// Runs a test in the namespace, in a single-threaded runtime.
    pub(crate) fn block_on<F: Future<Output = ()>>(&self, test: impl FnOnce() -> F + Send) {
        let path = format!("/run/netns/{}", self.name);
        let enter_and_run = || {
            setns(File::open(path).expect("the namespace's file"), CloneFlags::CLONE_NEWNET).expect("setns");
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(test());
        };
        let outcome = std::thread::scope(|scope| scope.spawn(enter_and_run).join());
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for NetworkNamespace {
    fn drop(&mut self) {
        // During a panic the namespace may be half made; the test has failed anyway.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn run(arguments: &str) {
    let output =
        Command::new("ip").args(arguments.split_whitespace()).output().expect("iproute2 is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}(this test needs root)");
}
