//! None was live when the controller died.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use tests::lab::wait;

use super::{AT_MOST, answered, wait_for_saved};
use crate::{
    host::{CLUSTER, Host, IPV4, LIVE, NAME, Setup},
    question::{PATIENCE, ips},
};

/// Up by one probe, down by three, a second apart.
const QUICKLY_UP: &str = "port = 443\ninterval = \"1s\"\nfast_interval = \"1s\"\nrise = 1";
const ALL: [&str; 3] = ["10.10.10.20", "10.10.10.21", "10.10.10.22"];

/// With maps and without.
const WAYS: [(&str, &str); 2] = [("native", "[]"), ("off", r#"["10.10.10.1:53"]"#)];

/// Until one comes back all are handed out, and then that one alone: who has found out already that the others are dead
/// need not wait for two seconds of probes.
#[test]
fn none_live_stays_none_live() -> Result<()> {
    for (xdp_mode, listen) in WAYS {
        let quickly_up = CLUSTER.replace("port = 443", QUICKLY_UP);
        let mut host = Host::new(&Setup { clusters: &quickly_up, xdp_mode, listen, ..Setup::default() })?;
        all_die(&mut host)?;
        let client = host.client("10.10.10.10", IPV4)?;
        wait::until("the answer", AT_MOST, || answered(&host, &client, &ALL))?;
        host.process()?.kill()?;
        host.start_server(0)?;
        host.launch()?;
        let started = Instant::now();
        let answer = || {
            let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
            // Without maps nobody answers before the start.
            let is_all = found.as_ref() == Some(&ips(&ALL)?) || (found.is_none() && xdp_mode == "off");
            let is_right = found.as_ref() == Some(&ips(&LIVE[..1])?);
            ensure!(is_right || is_all, "{xdp_mode}: {found:?}\n{}", host.log());
            Ok(if is_right { Ok(()) } else { Err(anyhow!("{found:?}\n{}", host.log())) })
        };
        let (_, took) = wait::until("the one that is back", AT_MOST, answer)?;
        println!("{xdp_mode}: the one that is back is told alone {took:?} after the start");
        ensure!(started.elapsed() < Duration::from_millis(1700), "{took:?}\n{}", host.log());
    }
    Ok(())
}

/// Whom `all_down = "last"` hands out is known over two restarts.
#[test]
fn the_last_live_ones_are_known() -> Result<()> {
    for (xdp_mode, listen) in WAYS {
        let stays = CLUSTER.replace("[cluster.probe]", "all_down = \"last\"\n[cluster.probe]");
        let mut host = Host::new(&Setup { clusters: &stays, xdp_mode, listen, ..Setup::default() })?;
        all_die(&mut host)?;
        let client = host.client("10.10.10.10", IPV4)?;
        // They die within milliseconds, but not at once.
        let last = client.addresses(NAME, RecordType::A)?;
        ensure!(last.iter().all(|address| LIVE.contains(&address.to_string().as_str())), "{last:?}");
        for _ in 0..2 {
            host.process()?.kill()?;
            host.launch()?;
            let answer = || {
                let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
                let is_right = found.as_ref() == Some(&last);
                ensure!(is_right || (found.is_none() && xdp_mode == "off"), "{found:?}");
                let has_started = host.tgdns(&["status"])?.status.success();
                Ok(if is_right && has_started { Ok(()) } else { Err(anyhow!("{found:?}")) })
            };
            wait::until("the last ones", AT_MOST, answer)?;
        }
    }
    Ok(())
}

/// Starts with two live servers, stops them, and waits until that is published and saved.
fn all_die(host: &mut Host) -> Result<()> {
    host.start()?;
    (0..LIVE.len()).for_each(|server| host.stop_server(server));
    wait_for_saved(host, "down", ALL.len())
}
