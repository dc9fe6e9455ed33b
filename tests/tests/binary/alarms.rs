//! Whoever is told that something is amiss is told of its end, whatever became of the controller in between.

use std::{fs, time::Duration};

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;
use tests::lab::wait;

use crate::{
    backends::{Backends, cluster},
    host::{Host, Setup},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster whose servers all die, and a server that cannot be probed; the controller is killed, all is repaired, and the
/// next one says so.
#[test]
fn an_alarm_is_ended_by_the_next_controller() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("tgdns-alarms-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let (told, state) = (directory.join("told"), directory.join("state"));
    let clusters = format!(
        "[[hook]]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\non = [\"answers\", \"probing\"]\n{1}\
         [[cluster]]\nname = \"word.netz\"\nprobe = {{ type = \"file\", file = \"{2}\" }}\n\
         server = [{{ name = \"word\", address = \"10.10.10.22\" }}]\n",
        told.display(),
        cluster("few", "min_up = 2\nall_down = [\"192.0.2.1\"]", &["", ""]),
        state.display()
    );
    let writable = std::slice::from_ref(&directory);
    let mut host = Host::new(&Setup { clusters: &clusters, writable, ..Setup::default() })?;
    let mut backends = Backends::start(&host, 2)?;
    fs::write(&state, "up\n")?;
    host.launch()?;
    host.wait_until_live(3)?;
    backends.close(0)?;
    // A directory cannot be read as a file.
    fs::remove_file(&state)?;
    fs::create_dir(&state)?;
    let mut expected =
        vec!["answers few.netz null: live -> addresses", "probing word.netz \"word\": probed -> not probed"];
    wait_for(&told, &expected)?;
    // The next one finds what was saved.
    let saved = || fs::read_to_string(host.path("state").join("health.json")).unwrap_or_default();
    wait::until("what was told is saved", PATIENCE, || {
        let text = saved();
        Ok(match text.contains("\"addresses\"") && text.contains("\"not probed\"") {
            true => Ok(()),
            false => Err(anyhow!("{text}")),
        })
    })?;
    host.process()?.kill()?;
    backends.open(&host, 0)?;
    fs::remove_dir(&state)?;
    fs::write(&state, "up\n")?;
    host.launch()?;
    host.wait_until_live(3)?;
    expected.extend([
        "answers few.netz null: addresses -> live",
        "probing word.netz \"word\": not probed -> probed",
    ]);
    wait_for(&told, &expected)?;

    let history: Value = serde_json::from_slice(&host.tgdns(&["history", "--json"])?.stdout)?;
    let answers: Vec<&Value> = history["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|change| change["what"] == "answers")
        .collect();
    let causes: Vec<&Value> = answers.iter().map(|change| &change["cause"]).collect();
    assert_eq!(
        causes,
        ["1 of 2 servers is live, and min_up is 2", "2 of 2 servers are live, and min_up is 2"],
        "{history}"
    );
    let text = String::from_utf8(host.tgdns(&["history"])?.stdout)?;
    ensure!(text.lines().any(|line| line.contains("few.netz  answers  live        addresses")), "{text}");
    drop(host);
    fs::remove_dir_all(&directory)?;
    Ok(())
}

/// Waits until the hook was told just this, in whatever order.
fn wait_for(path: &std::path::Path, expected: &[&str]) -> Result<()> {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    wait::until("a hook is told", PATIENCE, || {
        let text = fs::read_to_string(path).unwrap_or_default();
        let facts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut told: Vec<String> = facts
            .map(|fact| {
                let word = |key: &str| fact[key].as_str().unwrap_or_default().to_owned();
                let [event, cluster, from, to] = ["event", "cluster", "from", "to"].map(word);
                format!("{event} {cluster} {}: {from} -> {to}", fact["server"])
            })
            .collect();
        told.sort_unstable();
        ensure!(told.len() <= expected.len(), "{told:?}");
        Ok(if told == expected { Ok(()) } else { Err(anyhow!("{told:?}")) })
    })?;
    Ok(())
}
