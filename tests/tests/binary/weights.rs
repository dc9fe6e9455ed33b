//! Weights that servers and commands report move the shares of answers.

use std::{
    fs,
    io::Write as _,
    net::{IpAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use anyhow::{Result, anyhow, ensure};
use tests::lab::wait;

use crate::{
    backends::{Backends, address, servers},
    host::{Host, IPV4, Setup},
    question::{Client, SETTLING},
};

const QUESTIONS: usize = 240;
/// Turns are counted by each processor.
const OFF: usize = 24;
/// What the second server says, and its share of the answers beside one of weight 4.
const REPORTS: [(&str, usize); 5] = [
    ("100%", QUESTIONS / 2),
    ("25%", QUESTIONS / 5),
    ("0%", 0),
    ("weight:2", QUESTIONS / 3),
    ("up 75%", QUESTIONS * 3 / 7),
];

/// How often the second server is told.
fn share(client: &Client, name: &str) -> Result<usize> {
    let second = IpAddr::from(address(1));
    let mut count = 0;
    for _ in 0..QUESTIONS {
        count += usize::from(client.in_order(name)? == [second]);
    }
    Ok(count)
}

fn follow(host: &Host, name: &str, say: impl Fn(&str) -> Result<()>) -> Result<()> {
    let client = host.client("10.10.10.10", IPV4)?;
    for (report, expected) in REPORTS {
        say(report)?;
        let attempt = || {
            let share = share(&client, name)?;
            // None is none.
            let is_right = if expected == 0 { share == 0 } else { share.abs_diff(expected) <= OFF };
            Ok(if is_right { Ok(()) } else { Err(anyhow!("{share} of {QUESTIONS}, not {expected}")) })
        };
        wait::until(report, SETTLING, attempt).map_err(|error| anyhow!("{error:#}\n{}", host.log()))?;
    }
    Ok(())
}

#[test]
fn of_an_agent() -> Result<()> {
    let clusters = format!(
        "[[cluster]]\nname = \"agent.netz\"\nanswer = \"one\"\n\
         probe = {{ type = \"agent\", port = 9000, interval = \"200ms\", timeout = \"200ms\" }}\n{}",
        servers("agent", &["weight = 4", "weight = 4"])
    );
    let mut host = Host::new(&Setup { clusters: &clusters, ..Setup::default() })?;
    let _backends = Backends::start(&host, 2)?;
    let words = [(); 2].map(|()| Arc::new(Mutex::new("up\n".to_owned())));
    for (place, words) in words.iter().enumerate() {
        let listener = host.far.enter(|| TcpListener::bind((address(place), 9000)))??;
        let words = Arc::clone(words);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let words = words.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
                // The probe may have gone.
                let _ = stream.write_all(words.as_bytes());
            }
        });
    }
    host.launch()?;
    host.wait_until_live(2)?;
    follow(&host, "agent.netz", |report| {
        *words[1].lock().map_err(|_| anyhow!("an agent broke"))? = format!("{report}\n");
        Ok(())
    })
}

#[test]
fn of_a_command() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    let directory = host.run.directory();
    let clusters = format!(
        "[[cluster]]\nname = \"exec.netz\"\nanswer = \"one\"\n\
         probe = {{ type = \"exec\", command = [\"{}/weigh\"], interval = \"1s\", timeout = \"1s\" }}\n{}",
        directory.display(),
        servers("exec", &["weight = 4", "weight = 4"])
    );
    host.configure(&Setup { clusters: &clusters, ..Setup::default() })?;
    let script = directory.join("weigh");
    fs::write(&script, format!("#!/bin/sh\nexec cat {}/weight-$TGDNS_SERVER\n", directory.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let say = |server: &str, report: &str| replace(&directory.join(format!("weight-{server}")), report);
    say("exec-1", "up")?;
    say("exec-2", "up")?;
    host.launch()?;
    host.wait_until_live(2)?;
    follow(&host, "exec.netz", |report| say("exec-2", report))
}

/// At one instant: nobody reads half of it.
fn replace(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, format!("{text}\n"))?;
    fs::rename(&new, file)?;
    ensure!(file.is_file());
    Ok(())
}
