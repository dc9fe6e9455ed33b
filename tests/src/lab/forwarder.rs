//! The DNS forwarder on the NAT box: Unbound.

use std::{fmt::Write as _, fs, net::Ipv4Addr};

use anyhow::{Context as _, Result};

use super::{
    namespace::Namespace,
    process::{Process, copy_of},
    run::Run,
};

pub struct Forwarder {
    pub address: Ipv4Addr,
    process: Process,
}

impl Forwarder {
    /// Answers at `address` for `zone` with what the load balancers say.
    pub fn start(
        run: &Run,
        namespace: &Namespace,
        address: Ipv4Addr,
        zone: &str,
        load_balancers: &[Ipv4Addr],
    ) -> Result<Self> {
        let file = run.directory().join("unbound.conf");
        fs::write(&file, configuration(address, zone, load_balancers))
            .with_context(|| format!("writing {}", file.display()))?;
        let program = copy_of(run, "unbound")?;
        let arguments = ["-d".as_ref(), "-p".as_ref(), "-c".as_ref(), file.as_os_str()];
        let process = Process::start(run, namespace, "unbound", &program, arguments)?;
        Ok(Self { address, process })
    }

    /// Fails where it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }
}

/// It mixes the case of the names that it asks for, and refuses answers that don't keep it.
fn configuration(address: Ipv4Addr, zone: &str, load_balancers: &[Ipv4Addr]) -> String {
    let mut text = format!(
        r#"server:
    interface: {address}
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    pidfile: ""
    domain-insecure: "netz"
    use-caps-for-id: yes
remote-control:
    control-enable: no
forward-zone:
    name: "{zone}"
"#
    );
    for load_balancer in load_balancers {
        let _ = writeln!(text, "    forward-addr: {load_balancer}");
    }
    text
}
