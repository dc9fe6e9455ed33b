//! The organisation's DNS server: BIND, which forwards the cluster's zone.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context as _, Result};

use super::{
    namespace::Namespace,
    process::{Process, copy_of},
    run::Run,
};

pub struct Bind {
    pub namespace: Namespace,
    pub address: SocketAddr,
    pub configuration: String,
    process: Process,
}

impl Bind {
    /// `forwarders` are asked for `zone`, and nobody else ever is.
    pub fn start(
        run: &Run,
        namespace: Namespace,
        address: Ipv4Addr,
        zone: &str,
        forwarders: &[Ipv4Addr],
    ) -> Result<Self> {
        let directory = run.directory().join("bind");
        fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
        let configuration = configuration(&directory.display().to_string(), address, zone, forwarders);
        let file = directory.join("named.conf");
        fs::write(&file, &configuration).with_context(|| format!("writing {}", file.display()))?;
        let program = copy_of(run, "named")?;
        let arguments =
            ["-g".as_ref(), "-4".as_ref(), "-n".as_ref(), "1".as_ref(), "-c".as_ref(), file.as_os_str()];
        let process = Process::start(run, &namespace, "named", &program, arguments)?;
        Ok(Self { namespace, address: SocketAddr::from((address, 53)), configuration, process })
    }

    /// Fails where it has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }
}

/// It validates as Debian's does (`dnssec-validation auto`), but with root keys that it does not ask the root
/// to confirm: there is no Internet here, and it should not look for it.
fn configuration(directory: &str, address: Ipv4Addr, zone: &str, forwarders: &[Ipv4Addr]) -> String {
    let mut list = String::new();
    for forwarder in forwarders {
        let _ = write!(list, " {forwarder};");
    }
    format!(
        r#"options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on {{ {address}; }};
    recursion yes;
    allow-query {{ any; }};
    dnssec-validation yes;
    // The top level domain "netz" is not delegated: without this line every answer is bogus.
    validate-except {{ "netz"; }};
}};
controls {{ }};
trust-anchors {{
    . static-ds 20326 8 2 "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
    . static-ds 38696 8 2 "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
}};
zone "{zone}" {{
    type forward;
    forward only;
    forwarders {{{list} }};
}};
"#
    )
}
