//! What the sockets answer behind the XDP program.

use anyhow::{Context as _, Result, ensure};

use crate::host::{Host, INTERFACE, IPV4, IPV6, NAME, Setup};

/// With what only the sockets tell.
const LISTEN: &str = "[\"0.0.0.0:53\", \"[::]:53\"]\nidentity = \"lb1\"";

fn host() -> Result<Host> {
    let mut host = Host::new(&Setup { listen: LISTEN, ..Setup::default() })?;
    host.start()?;
    Ok(host)
}

/// `dig` takes no reply from another address than it asked.
#[test]
fn replies_leave_from_the_address_that_was_asked() -> Result<()> {
    let host = host()?;
    // A second address of the NIC, one that it does not have itself, and one that moves in while all runs.
    for (address, device) in [
        ("10.10.10.2/24", INTERFACE),
        ("10.10.10.3/32", "lo"),
        ("fd00:10::2/64", INTERFACE),
        ("fd00:10::3/128", "lo"),
    ] {
        host.namespace.run("ip", &["address", "add", address, "dev", device])?;
    }
    host.far.run("ip", &["route", "add", "fd00:10::3/128", "via", IPV6])?;
    let first = IPV4.to_string();
    for server in [&first, "10.10.10.2", "10.10.10.3", IPV6, "fd00:10::2", "fd00:10::3"] {
        for transport in ["+notcp", "+tcp"] {
            let at = format!("@{server}");
            let text = host.far.run("dig", &[&at, NAME, "NS", transport, "+tries=1", "+time=2"])?;
            ensure!(text.contains("ANSWER: 2") && text.contains(" aa "), "{server} {transport}: {text}");
        }
    }
    Ok(())
}

#[test]
fn what_clients_do_wrong_is_counted_by_its_kind() -> Result<()> {
    let host = host()?;
    let server = format!("@{IPV4}");
    for (arguments, counter) in [
        (&["example.com"][..], "refused_name"),
        (&["nobody.internet.intern.netz"], "answered_nxdomain"),
        (&[NAME, "NS"], "answered_ns"),
        (&[NAME, "+nsid"], "answered_a"),
        (&["id.server", "CH", "TXT"], "answered_chaos"),
        (&["version.bind", "CH", "TXT"], "refused_chaos"),
        (&[NAME, "CLASS4"], "refused_class"),
        (&[NAME, "+opcode=2"], "notimp_opcode"),
        (&[NAME, "+edns=9", "+noednsnegotiation"], "badvers"),
        (&["+header-only"], "formerr_questions"),
        (&[NAME, "AXFR", "+notcp"], "refused_transfer"),
        (&[NAME, "IXFR=1", "+notcp"], "refused_transfer"),
    ] {
        let before = host.counter("slow_path", counter)?;
        let all = [&[server.as_str(), "+tries=1", "+time=2", "+nocookie"], arguments].concat();
        // A refused transfer is an error to dig.
        let ran = host.far.command("dig").args(&all).output().context("running dig")?;
        let counted = host.counter("slow_path", counter)? - before;
        ensure!(counted == 1, "{arguments:?}: {counter} went up by {counted}: {ran:?}");
    }
    ensure!(!host.log().contains("WARN") && !host.log().contains("ERROR"), "{}", host.log());
    Ok(())
}
