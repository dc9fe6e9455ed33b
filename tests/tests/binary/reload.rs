//! Another configuration takes the place of the one that holds: whole, at one instant, and without a lost query.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::IpAddr,
    os::unix::net::UnixStream,
    process::Output,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hickory_proto::rr::RecordType;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tests::lab::{
    link,
    verdict::{Verdict, VerdictProgram},
    wait,
};

use crate::{
    host::{CLUSTER, Host, INTERFACE, IPV4, LIVE, NAME, Setup},
    question::{Client, PATIENCE, ips},
};

/// What can only fail by never coming.
const AT_MOST: Duration = Duration::from_secs(20);
const RELOADS: usize = 50;
/// Clients in different views.
const CLIENTS: [&str; 2] = ["10.10.10.10", "10.10.10.11"];

/// Two views, and what the servers are called in each. No answer of one configuration is one of another's, nor of another
/// view's.
fn views(lan: &str, guests: &str, network: u8) -> String {
    let server = |name: &str, host: u8| {
        format!(
            "[[cluster.server]]\nname = \"{name}\"\naddress = \"10.10.10.{host}\"\nalias = {{ lan = \
             \"192.168.{network}.{host}\", guests = \"172.16.{network}.{host}\" }}\n"
        )
    };
    format!(
        "[[view]]\nname = \"lan\"\nclients = [\"{lan}/32\"]\n[[view]]\nname = \"guests\"\nclients = [\"{guests}/32\"]\n\
         [[cluster]]\nname = \"{NAME}\"\n[cluster.probe]\ntype = \"tcp\"\nport = 443\ntimeout = \"900ms\"\n{}{}",
        server("one", 20),
        server("two", 21)
    )
}

#[test]
fn every_answer_is_of_one_configuration_and_none_is_lost() -> Result<()> {
    // The clients change their views as well as the servers their aliases.
    let configurations = [views(CLIENTS[0], CLIENTS[1], 1), views(CLIENTS[1], CLIENTS[0], 2)];
    let answers = [["192.168.1", "172.16.1"], ["172.16.2", "192.168.2"]];
    let answer = |configuration: usize, client: usize| -> Result<Vec<IpAddr>> {
        let network = answers[configuration][client];
        ips(&[&format!("{network}.20"), &format!("{network}.21")])
    };
    let setup = |configuration: usize| Setup { clusters: &configurations[configuration], ..Setup::default() };
    let mut host = Host::new(&setup(0))?;
    host.launch()?;
    let clients: Vec<Client> = CLIENTS.iter().map(|from| host.client(from, IPV4)).collect::<Result<_>>()?;
    wait::until("the first answers", AT_MOST, || answered(&host, &clients[1], &answer(0, 1)?))?;

    let (stop, questions) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut took = thread::scope(|scope| -> Result<Vec<Duration>> {
        let (stop, questions) = (&stop, &questions);
        let asking: Vec<_> = (0..clients.len())
            .map(|place| {
                let (client, both) =
                    (host.client(CLIENTS[place], IPV4), [answer(0, place), answer(1, place)]);
                scope.spawn(move || -> Result<()> {
                    let client = client?;
                    let [first, second] = both;
                    let right = [first?, second?];
                    while !stop.load(Ordering::Relaxed) {
                        let found = client.ask(NAME, RecordType::A, PATIENCE)?;
                        let found = found.context("no answer")?;
                        ensure!(right.contains(&found), "{}: {found:?}", CLIENTS[place]);
                        questions.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        let reloads = (1..=RELOADS).map(|round| {
            host.configure(&setup(round % 2))?;
            let start = Instant::now();
            reload(&host)?;
            let took = start.elapsed();
            // Who asks after the reload has been acknowledged is told by it.
            for (place, client) in clients.iter().enumerate() {
                ensure!(client.addresses(NAME, RecordType::A)? == answer(round % 2, place)?, "round {round}");
            }
            Ok(took)
        });
        let reloads: Result<Vec<Duration>> = reloads.collect();
        stop.store(true, Ordering::Relaxed);
        for asking in asking {
            asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        reloads
    })
    .with_context(|| host.log())?;
    took.sort();
    println!(
        "{RELOADS} reloads of {:?} (median), {:?} (worst); {} questions meanwhile, all answered by one configuration",
        took[RELOADS / 2],
        took[RELOADS - 1],
        questions.into_inner()
    );
    Ok(())
}

#[test]
fn what_stays_is_not_disturbed() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client(CLIENTS[0], IPV4)?;
    let before = status(&host)?;

    // One server less, with another way to be told about the rest.
    host.configure(&Setup { clusters: &CLUSTER.replace("count = 3", "count = 2"), ..Setup::default() })?;
    let reply = reload(&host)?;
    assert_eq!(reply["changes"], json!([{ "kind": "server", "name": "internet-3", "change": "removed" }]));
    let after = status(&host)?;
    let since = |status: &Value, server: usize| status["clusters"][0]["servers"][server]["since"].clone();
    for server in 0..2 {
        assert_eq!(since(&before, server), since(&after, server));
    }
    assert_eq!(after["clusters"][0]["servers"].as_array().map(Vec::len), Some(2));

    // A probe that fails does not take a server out before it has said so often enough; then it counts.
    let other = |fast: &str| {
        let probe = format!("port = 444\ninterval = \"1m\"\nfast_interval = \"{fast}\"");
        CLUSTER.replace("port = 443", &probe)
    };
    host.configure(&Setup { clusters: &other("1m"), ..Setup::default() })?;
    let reply = reload(&host)?;
    assert_eq!(reply["changes"][0]["keys"], json!(["probe"]));
    let (told, _) = wait::until("the new probe's first failures", AT_MOST, || {
        let told = status(&host)?;
        let servers = told["clusters"][0]["servers"].as_array().into_iter().flatten();
        let have_failed = servers.map(|server| server["probes"][0]["failure"].is_string()).eq([true; 3]);
        Ok(if have_failed { Ok(told) } else { Err(anyhow::anyhow!("{told}")) })
    })?;
    let servers = &told["clusters"][0]["servers"];
    assert_eq!((&servers[0]["health"], &servers[2]["health"]), (&json!("up"), &json!("unknown")), "{told}");
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    host.configure(&Setup { clusters: &other("100ms"), ..Setup::default() })?;
    reload(&host)?;
    let all = ips(&["10.10.10.20", "10.10.10.21", "10.10.10.22"])?;
    wait::until("the new probe's verdict", AT_MOST, || answered(&host, &client, &all))?;

    // The same file once more.
    assert_eq!(reload(&host)?["changes"], json!([]));
    let text = done(&host.tgdns(&["reload"])?)?;
    ensure!(text.ends_with("is loaded: nothing is different\n"), "{text}");
    Ok(())
}

#[test]
fn a_file_with_mistakes_changes_nothing() -> Result<()> {
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    let client = host.client(CLIENTS[0], IPV4)?;
    let before = status(&host)?;
    let broken = CLUSTER.replace("port = 443", "port = 0").replace("count = 3", "count = \"many\"");
    host.configure(&Setup { clusters: &broken, ..Setup::default() })?;
    let output = host.tgdns(&["reload"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let text = fs::read_to_string(host.path("tgdns.toml"))?;
    let line = |key: &str| text.lines().position(|line| line.starts_with(key)).map_or(0, |line| line + 1);
    for mistake in [
        format!("tgdns.toml:{}:8: `port`", line("port")),
        format!("tgdns.toml:{}:9: `count`", line("count")),
        "nothing was changed".to_owned(),
    ] {
        ensure!(error.contains(&mistake), "{mistake:?} is missing: {error}");
    }
    let output = host.tgdns(&["reload", "--json"])?;
    let reply: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (output.status.code(), &reply["mistakes"][1]["line"]),
        (Some(1), &json!(line("count"))),
        "{reply}"
    );

    // What is no TOML does not even tell where the controller is.
    let path = host.path("tgdns.toml");
    fs::write(&path, "interfaces = [")?;
    let output = host.tgdns(&["reload"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    ensure!(error.contains("tgdns.toml:1:") && error.contains("this is not TOML"), "{error}");
    hang_up(&mut host)?;
    logged(&host, "SIGHUP changes nothing: ")?;

    for (setup, expected) in [
        (Setup { xdp_mode: "generic", ..Setup::default() }, "`xdp_mode` cannot be changed by a reload"),
        (Setup { pins: Some("/sys/fs/bpf/other".into()), ..Setup::default() }, "`pin_dir` cannot be changed"),
        (
            Setup { interfaces: &[INTERFACE, "tgdns-none"], ..Setup::default() },
            "interface tgdns-none does not exist",
        ),
        (
            Setup { listen: "[\"10.10.10.99:53\"]", ..Setup::default() },
            "10.10.10.99:53 is not an address of this host",
        ),
    ] {
        host.configure(&setup)?;
        if let Some(pins) = &setup.pins {
            let text = fs::read_to_string(&path)?;
            fs::write(&path, text.replace(&host.pins.display().to_string(), &pins.display().to_string()))?;
        }
        let output = host.tgdns(&["reload"])?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(1) && error.contains(expected), "{expected}: {error}");
    }
    let after = status(&host)?;
    assert_eq!(before["clusters"][0]["answers"], after["clusters"][0]["answers"]);
    assert_eq!(client.addresses(NAME, RecordType::A)?, ips(&LIVE)?);

    host.configure(&Setup { clusters: &CLUSTER.replace("count = 3", "count = 1"), ..Setup::default() })?;
    hang_up(&mut host)?;
    logged(&host, "server internet-3 removed")?;
    wait::until("the answer", AT_MOST, || answered(&host, &client, &ips(&LIVE[..1])?))?;
    Ok(())
}

#[test]
fn interfaces_and_sockets_come_and_go() -> Result<()> {
    const SECOND: &str = "tgdns-nic2";
    let mut host = Host::new(&Setup::default())?;
    host.start()?;
    link::connect(&host.namespace, SECOND, &host.far, "client1")?;
    host.namespace.run("ip", &["address", "add", "10.10.11.1/24", "dev", SECOND])?;
    host.far.run("ip", &["address", "add", "10.10.11.10/24", "dev", "client1"])?;
    VerdictProgram::load(&host.run, Verdict::Pass)?.attach(&host.far, "client1")?;
    let (near, second) = (host.client(CLIENTS[0], IPV4)?, host.client("10.10.11.10", "10.10.11.1".parse()?)?);
    let silent =
        |client: &Client| -> Result<bool> { Ok(client.ask(NAME, RecordType::A, PATIENCE / 5)?.is_none()) };

    // Somebody else's program is in the way: nothing changes.
    let both = Setup { interfaces: &[INTERFACE, SECOND], ..Setup::default() };
    let other = VerdictProgram::load(&host.run, Verdict::Pass)?;
    other.attach(&host.namespace, SECOND)?;
    host.configure(&both)?;
    let output = host.tgdns(&["reload"])?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && error.contains("another XDP program is attached"), "{error}");
    host.namespace.run("ip", &["link", "set", "dev", SECOND, "xdp", "off"])?;
    ensure!(silent(&second)? && near.addresses(NAME, RecordType::A)? == ips(&LIVE)?);

    reload(&host)?;
    wait::until("an answer on the second one", AT_MOST, || answered(&host, &second, &ips(&LIVE)?))?;
    host.configure(&Setup { interfaces: &[SECOND], listen: r#"["10.10.10.1:53"]"#, ..Setup::default() })?;
    reload(&host)?;
    ensure!(host.interface(INTERFACE)?["xdp"].is_null(), "{}", host.log());
    let answered_by_socket = host.counter("slow_path", "answered")?;
    assert_eq!(near.addresses(NAME, RecordType::A)?, ips(&LIVE)?);
    assert_eq!(host.counter("slow_path", "answered")?, answered_by_socket + 1, "by the socket");
    assert_eq!(second.addresses(NAME, RecordType::A)?, ips(&LIVE)?);

    // A socket that goes.
    host.configure(&Setup { interfaces: &[SECOND], ..Setup::default() })?;
    reload(&host)?;
    ensure!(silent(&near)?);
    host.check()
}

/// Asks through the control socket, as `tgdns reload` does; gives what is different.
fn reload(host: &Host) -> Result<Value> {
    let mut control = UnixStream::connect(host.control())?;
    writeln!(control, "{}", json!({ "command": "reload" }))?;
    let mut reply = String::new();
    BufReader::new(control).read_line(&mut reply)?;
    let mut reply: Value = serde_json::from_str(&reply)?;
    ensure!(reply["ok"].is_object(), "{reply}\n{}", host.log());
    Ok(reply["ok"].take())
}

fn hang_up(host: &mut Host) -> Result<()> {
    let process = host.process()?.identifier();
    kill(Pid::from_raw(process.cast_signed()), Signal::SIGHUP).context("sending SIGHUP")
}

fn logged(host: &Host, text: &str) -> Result<()> {
    let found = || host.log().contains(text);
    wait::until(text, AT_MOST, || Ok(found().then_some(()).with_context(|| host.log()))).map(drop)
}

fn status(host: &Host) -> Result<Value> {
    serde_json::from_str(&done(&host.tgdns(&["status", "--json"])?)?).context("reading the status")
}

fn done(output: &Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a client is told these addresses.
fn answered(host: &Host, client: &Client, expected: &[IpAddr]) -> Result<Result<()>> {
    let found = client.ask(NAME, RecordType::A, PATIENCE / 10)?;
    let right = found.as_deref() == Some(expected);
    Ok(if right { Ok(()) } else { Err(anyhow::anyhow!("{found:?}\n{}", host.log())) })
}
