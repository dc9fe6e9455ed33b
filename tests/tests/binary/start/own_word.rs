//! What servers said of themselves holds until they say otherwise.

use std::fs;

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use tests::lab::wait;

use super::{AT_MOST, answered};
use crate::host::{Host, IPV4, LIVE, Setup};

/// With maps and without. Behind the restart the commands succeed and say nothing, so what was said stays as it was.
#[test]
fn a_drain_and_a_weight_outlive_the_controller() -> Result<()> {
    for (xdp_mode, listen) in [("native", "[]"), ("off", r#"["10.10.10.1:53"]"#)] {
        let setup = Setup { xdp_mode, listen, ..Setup::default() };
        let mut host = Host::new(&setup)?;
        let words = host.path("words");
        fs::create_dir(&words)?;
        let say = |server: &str, text: &str| {
            // Whoever reads in between finds the old words or the new ones.
            fs::write(words.join("next"), text)?;
            fs::rename(words.join("next"), words.join(server)).context("saying it")
        };
        ["internet-1", "internet-2", "internet-3"].iter().try_for_each(|server| say(server, ""))?;
        let command = format!("cat {}/$TGDNS_SERVER", words.display());
        let clusters = format!(
            "[[cluster]]\nname = \"internet.intern.netz\"\n[cluster.probe]\ntype = \"exec\"\n\
             command = [\"/bin/sh\", \"-c\", \"{command}\"]\ninterval = \"300ms\"\n\
             [[cluster.part]]\nfirst = \"10.10.10.20\"\ncount = 3\n"
        );
        host.configure(&Setup { clusters: &clusters, ..setup })?;
        say("internet-3", "drain")?;
        host.start()?;
        say("internet-1", "40%")?;
        say("internet-2", "drain")?;
        let client = host.client("10.10.10.10", IPV4)?;
        wait::until("the drain", AT_MOST, || answered(&host, &client, &LIVE[..1]))?;
        wait::until("the words", AT_MOST, || are_told(&host, 40, false))?;
        let file = host.path("state/health.json");
        wait::until("the file", AT_MOST, || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let all = text.matches("\"state\":\"drain\"").count() == 2 && text.contains("\"percent\":40");
            Ok(if all { Ok(()) } else { Err(anyhow!("{text}")) })
        })?;
        host.process()?.kill()?;
        ["internet-1", "internet-2", "internet-3"].iter().try_for_each(|server| say(server, ""))?;
        host.launch()?;
        // Each has its own verdict by then.
        wait::until("the words", AT_MOST, || are_told(&host, 40, true))?;
        wait::until("the same answer", AT_MOST, || answered(&host, &client, &LIVE[..1]))?;
        say("internet-2", "ready")?;
        wait::until("both", AT_MOST, || answered(&host, &client, &LIVE))?;
    }
    Ok(())
}

/// Whether the status shows the first server's weight so, in per cent, and the other two drained by themselves; and, where
/// that is asked for, all of that by probes of this run.
fn are_told(host: &Host, weight: u32, by_this_run: bool) -> Result<Result<()>> {
    let output = host.tgdns(&["status", "--json"])?;
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let servers = &status["clusters"][0]["servers"];
    let reported = ["ready", "drain", "drain"];
    let is_told = (0..3).all(|server| {
        servers[server]["reported"] == json!(reported[server])
            && servers[server]["health"] == json!("up")
            && !(by_this_run && servers[server]["health_from"] != Value::Null)
    });
    let right = is_told && servers[0]["weight_hundredths"] == json!(weight);
    Ok(if right { Ok(()) } else { Err(anyhow!("{servers}\n{}", host.log())) })
}
