//! Probes of each kind against real servers, and what `tgdns status` says of each fault.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use hickory_proto::rr::RecordType;
use serde_json::Value;
use tests::lab::{namespace::Namespace, process::Process, program, wait};

use crate::{
    host::{Host, IPV4, LIVE, NAME, Setup},
    question::ips,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// What `tgdns status` says of one server.
fn server(host: &Host, name: &str) -> Result<Value> {
    let output = host.tgdns(&["status", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout)?;
    let clusters = status["clusters"].as_array().into_iter().flatten();
    let mut servers = clusters.flat_map(|cluster| cluster["servers"].as_array().into_iter().flatten());
    let found = servers.find(|server| server["name"] == name);
    found.cloned().with_context(|| format!("no server {name}: {status}"))
}

/// Waits for a server's health, and for what its last failure begins with.
fn wait_for(host: &mut Host, name: &str, health: &str, failure: Option<&str>) -> Result<()> {
    let attempt = || {
        host.check()?;
        // The controller may not listen yet.
        let server = match server(host, name) {
            Ok(server) => server,
            Err(error) => return Ok(Err(error)),
        };
        let told = server["probes"][0]["failure"].as_str();
        let is_told = match failure {
            None => told.is_none(),
            Some(start) => told.is_some_and(|told| told.starts_with(start)),
        };
        Ok(if server["health"] == health && is_told { Ok(()) } else { Err(anyhow!("{server}")) })
    };
    wait::until(&format!("{name} {health} with {failure:?}"), PATIENCE, attempt).map(drop)
}

/// Waits until a server is not probed, for a cause that begins so, or is again.
fn wait_for_impediment(host: &Host, name: &str, cause: Option<&str>) -> Result<()> {
    let attempt = || {
        let server = server(host, name)?;
        let told = server["probes"][0]["not_probed"].as_str();
        let is_told = match (told, cause) {
            (Some(told), Some(cause)) => told.starts_with(cause),
            (told, cause) => told.is_none() && cause.is_none(),
        };
        Ok(if is_told { Ok(()) } else { Err(anyhow!("{server}")) })
    };
    wait::until(&format!("{name} not probed: {cause:?}"), PATIENCE, attempt).map(drop)
}

/// A real SSH daemon at the far end.
fn ssh_daemon(host: &Host, address: &str) -> Result<Process> {
    let key = host.path("ssh-key");
    let file = key.to_str().context("a path that is no text")?;
    program::run("dropbearkey", &["-t", "ed25519", "-f", file])?;
    let arguments = ["-F", "-E", "-r", file, "-P", "/dev/null", "-p", address];
    Process::start(&host.run, &host.far, "dropbear", &program::path("dropbear")?, arguments)
}

#[test]
fn faults_of_the_network_and_of_what_is_said() -> Result<()> {
    // One server by many names, each probed at a port of its own.
    let server = |name: &str, port: u16| {
        format!("[[cluster.server]]\nname = \"{name}\"\naddress = \"10.10.10.22\"\nprobe.port = {port}\n")
    };
    let cluster = |name: &str, probe: &str, servers: &[(&str, u16)]| {
        let servers: String = servers.iter().map(|(name, port)| server(name, *port)).collect();
        format!(
            "[[cluster]]\nname = \"{name}\"\n[cluster.probe]\ninterval = \"300ms\"\ntimeout = \"200ms\"\n{probe}\n{servers}"
        )
    };
    let clusters = [
        cluster("ssh.netz", "port = 22\nexpect = \"SSH-2.0-\"", &[("ssh", 22)]),
        cluster("refused.netz", "port = 1\nexpect = \"SSH-2.0-\"", &[("refused", 1)]),
        cluster("filtered.netz", "port = 2\nexpect = \"SSH-2.0-\"", &[("filtered", 2)]),
        cluster("half.netz", "port = 3\nexpect = \"SSH-2.0-\"", &[("half-open", 3)]),
        cluster("mute.netz", "port = 4\nexpect = \"SSH-2.0-\"", &[("mute", 4)]),
        cluster("viewer.netz", "port = 22\nexpect = { regex = \"^RFB 00[38]\" }", &[("no-viewer", 22)]),
        cluster("banner.netz", "port = 22\nexpect = \"RFB 003.\"", &[("wrong-banner", 22)]),
        cluster("drip.netz", "port = 5\nexpect = \"SSH-2.0-\"", &[("drip", 5)]),
    ];
    let mut host = Host::new(&Setup { clusters: &clusters.concat(), ..Setup::default() })?;
    let mut ssh = ssh_daemon(&host, "10.10.10.22:22")?;
    host.far.run("nft", &["add", "table", "inet", "filter"])?;
    let chain = "add chain inet filter input { type filter hook input priority 0; }";
    host.far.run("nft", &chain.split(' ').collect::<Vec<_>>())?;
    host.far.run("nft", &"add rule inet filter input tcp dport 2 drop".split(' ').collect::<Vec<_>>())?;
    let _half_open = full_queue(&host.far, 3)?;
    // Its queue takes connections that nobody accepts.
    let _mute = host.far.enter(|| TcpListener::bind("10.10.10.22:4"))??;
    let drip = host.far.enter(|| TcpListener::bind("10.10.10.22:5"))??;
    thread::spawn(move || {
        for mut stream in drip.incoming().flatten() {
            thread::spawn(move || {
                for byte in b"SSH-2.0-drip" {
                    thread::sleep(Duration::from_millis(60));
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                }
            });
        }
    });

    host.launch()?;
    for (name, health, failure) in [
        ("ssh", "up", None),
        ("refused", "down", Some("connection refused")),
        ("filtered", "down", Some("timed out after 200ms")),
        ("half-open", "down", Some("timed out after 200ms")),
        ("mute", "down", Some("it takes the connection and says nothing within 200ms")),
        ("no-viewer", "down", Some("it says only \"SSH-2.0-dropbear")),
        ("wrong-banner", "down", Some("it says \"SSH-2.0-dropbear")),
        ("drip", "down", Some("it says only \"S")),
    ] {
        wait_for(&mut host, name, health, failure)?;
    }
    ssh.kill()?;
    wait_for(&mut host, "ssh", "down", Some("connection refused"))
}

/// A listener whose queue is full: further handshakes never end.
fn full_queue(far: &Namespace, port: u16) -> Result<Vec<socket2::Socket>> {
    let at = SocketAddr::new("10.10.10.22".parse()?, port);
    far.enter(|| {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = socket()?;
        listener.bind(&at.into())?;
        listener.listen(0)?;
        let mut sockets = vec![listener];
        loop {
            let client = socket()?;
            let connected = client.connect_timeout(&at.into(), Duration::from_millis(100));
            sockets.push(client);
            if connected.is_err() {
                return Ok(sockets);
            }
        }
    })?
}

#[test]
fn commands_and_files() -> Result<()> {
    let scene = |directory: &Path| {
        let directory = directory.display();
        let times = "interval = \"1s\", timeout = \"1s\"";
        format!(
            "[[cluster]]\nname = \"exec.netz\"\n\
             probe = {{ type = \"exec\", command = [\"{directory}/check\"], {times} }}\n\
             [[cluster.server]]\nname = \"well\"\naddress = \"10.10.10.20\"\n\
             [[cluster.server]]\nname = \"hangs\"\naddress = \"10.10.10.21\"\n\
             [[cluster.server]]\nname = \"fails\"\naddress = \"10.10.10.22\"\n\
             [[cluster]]\nname = \"file.netz\"\n\
             probe = {{ type = \"file\", file = \"{directory}/state-{{server}}\", {times} }}\n\
             [[cluster.server]]\nname = \"told\"\naddress = \"10.10.10.20\"\n"
        )
    };
    let mut host = Host::new(&Setup::default())?;
    let clusters = scene(&host.run.directory());
    host.configure(&Setup { clusters: &clusters, ..Setup::default() })?;
    let script = host.path("check");
    fs::write(
        &script,
        "#!/bin/sh\ncase $TGDNS_SERVER in\nhangs) sleep 4321 & sleep 4321;;\n\
         fails) echo \"no licence at $TGDNS_ADDRESS\"; exit 3;;\nesac\n",
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let state = host.path("state-told");
    fs::write(&state, "up\n")?;
    host.launch()?;
    wait_for(&mut host, "well", "up", None)?;
    wait_for(&mut host, "hangs", "down", Some("killed after 1s"))?;
    wait_for(&mut host, "fails", "down", Some("ended with 3: no licence at 10.10.10.22"))?;
    wait_for(&mut host, "told", "up", None)?;
    fs::remove_file(&state)?;
    wait_for(&mut host, "told", "down", Some("there is no "))?;
    fs::write(&state, "down # moved\n")?;
    wait_for(&mut host, "told", "down", Some("it says down (moved)"))?;
    fs::write(&state, "up")?;
    wait_for(&mut host, "told", "up", None)?;

    // A command that cannot be run says nothing of its servers, but is told of.
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644))?;
    wait_for_impediment(&host, "well", Some("cannot run "))?;
    let well = server(&host, "well")?;
    ensure!(well["health"] == "up" && well["probes"][0]["not_probed_since"].is_string(), "{well}");
    ensure!(host.counter("probes", "not_run")? > 0);
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    wait_for_impediment(&host, "well", None)?;
    let history: Value = serde_json::from_slice(&host.tgdns(&["history", "well", "--json"])?.stdout)?;
    let told = history["changes"].as_array().into_iter().flatten();
    let told: Vec<&Value> = told.filter(|change| change["what"] == "probing").collect();
    ensure!(
        told.iter().map(|change| &change["to"]).eq(["not probed", "probed"]),
        "it is told once: {history}"
    );

    // No more than a round's processes are there at any time, no zombie among them, and none when it has ended.
    let hangs = || {
        let some = !sleeping(&host.namespace)?.is_empty();
        Ok(if some { Ok(()) } else { Err(anyhow!("nobody sleeps")) })
    };
    wait::until("a command that hangs", PATIENCE, hangs)?;
    let id = host.process()?.identifier();
    for _ in 0..20 {
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        ensure!(children.split_whitespace().count() <= 16, "{children}");
        thread::sleep(Duration::from_millis(50));
    }
    host.process()?.terminate()?;
    let attempt = || {
        let left = sleeping(&host.namespace)?;
        Ok(if left.is_empty() { Ok(()) } else { Err(anyhow!("processes {left:?}")) })
    };
    wait::until("the commands' end", PATIENCE, attempt).map(drop)
}

/// The commands' children in a network namespace, which is the test's own.
fn sleeping(namespace: &Namespace) -> Result<Vec<PathBuf>> {
    let own = fs::metadata(namespace.path())?.ino();
    let is_ours = |process: &PathBuf| {
        fs::metadata(process.join("ns/net")).is_ok_and(|network| network.ino() == own)
            && fs::read(process.join("cmdline")).is_ok_and(|line| line == b"sleep\x004321\0")
    };
    Ok(fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).filter(is_ours).collect())
}

#[test]
fn an_agent_drains_its_server() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("tgdns-hook-reported-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let told = directory.join("facts");
    let clusters = format!(
        "[[hook]]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {0}; echo >> {0}\"]\non = [\"reported\"]\n\
         [[cluster]]\nname = \"{NAME}\"\n\
         probe = [{{ port = 443 }}, {{ type = \"agent\", port = 9000, interval = \"300ms\", timeout = \"300ms\" }}]\n\
         [[cluster.part]]\nfirst = \"{1}\"\ncount = 2\n",
        told.display(),
        LIVE[0]
    );
    let writable = std::slice::from_ref(&directory);
    let mut host = Host::new(&Setup { clusters: &clusters, writable, ..Setup::default() })?;
    let words = [(); 2].map(|()| Arc::new(Mutex::new("up ready 100%\n")));
    for (address, words) in LIVE.iter().zip(&words) {
        let listener = host.far.enter(|| TcpListener::bind((*address, 9000)))??;
        let words = Arc::clone(words);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let words = *words.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                // The probe may have gone.
                let _ = stream.write_all(words.as_bytes());
            }
        });
    }
    host.start()?;
    let client = host.client(LIVE[0], IPV4)?;
    for (said, expected, reported, weight) in [
        ("drain\n", &LIVE[..1], "drain", 100),
        // What is not said stays as it was.
        ("up 50%\n", &LIVE[..1], "drain", 50),
        ("maint\n", &LIVE[..1], "maint", 50),
        ("ready\n", &LIVE[..], "ready", 50),
        ("stopped # by hand\n", &LIVE[..1], "ready", 50),
        ("up 100%\n", &LIVE[..], "ready", 100),
    ] {
        *words[1].lock().map_err(|_| anyhow!("an agent broke"))? = said;
        let attempt = || {
            let found = client.addresses(NAME, RecordType::A)?;
            let server = server(&host, "internet-2")?;
            let is_told = server["reported"] == reported && server["weight_hundredths"] == weight;
            let is_right = found == ips(expected)? && is_told && server["admin"] == "ready";
            Ok(if is_right { Ok(()) } else { Err(anyhow!("{found:?}: {server}")) })
        };
        wait::until(said, PATIENCE, attempt)?;
    }
    let history = host.tgdns(&["history"])?;
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    ensure!(history.contains("agent: it says stopped (by hand) (3 failures in a row)"), "{history}");
    // What it said of itself is there as well, and a hook was told of it.
    ensure!(history.contains("agent: it says maint"), "{history}");
    let attempt = || {
        let text = fs::read_to_string(&told).unwrap_or_default();
        let facts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let to: Vec<Value> = facts.map(|fact| fact["to"].clone()).collect();
        Ok(if to == ["drain", "maint", "ready"] { Ok(()) } else { Err(anyhow!("{text}")) })
    };
    wait::until("the hook", PATIENCE, attempt)?;
    fs::remove_dir_all(&directory)?;
    Ok(())
}
