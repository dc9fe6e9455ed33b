use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    sync::oneshot,
    task::JoinSet,
};

use super::*;
use crate::{
    admin::Admins,
    cluster::Model,
    config,
    control::{self, Call, Request},
    controller::{Controller, reloading::Configuration, slow_path::SlowPath, sources::Sources},
};

/// All who wait for the same get the same text, and the next one waits for as long as it took.
#[test]
fn one_text_for_all_who_wait() {
    let now = Instant::now();
    let mut readings = Readings::new(now);
    assert_eq!((readings.due_at(), readings.begin(now)), (None, None));
    let ask = |readings: &mut Readings, reading| {
        let (replier, told) = oneshot::channel();
        readings.ask(reading, replier);
        told
    };
    let asked = [Reading::History, Reading::Status, Reading::History];
    let [mut first, mut other, mut second] = asked.map(|reading| ask(&mut readings, reading));
    assert_eq!(readings.begin(now), Some(Reading::History));
    // Who asks while it is being written is told the next one.
    let mut late = ask(&mut readings, Reading::History);
    let written_at = now + Duration::from_millis(30);
    assert_eq!((readings.due_at(), readings.begin(written_at)), (None, None));
    readings.written(&Reply::ok(&"text"), written_at);
    let [first, second] = [&mut first, &mut second].map(|told| told.try_recv().unwrap().unwrap());
    assert!(first.shares_line_with(&second));
    other.try_recv().unwrap_err();
    late.try_recv().unwrap_err();
    let again_at = written_at + Duration::from_millis(30);
    assert_eq!((readings.due_at(), readings.begin(written_at)), (Some(again_at), None));
    assert_eq!(readings.begin(again_at), Some(Reading::Status));
    readings.written(&Err(anyhow!("outer: inner")), again_at);
    assert_eq!(other.try_recv().unwrap().unwrap_err().to_string(), "outer: inner");
    assert_eq!(readings.begin(again_at), Some(Reading::History));
    readings.written(&Reply::ok(&"text"), again_at);
    late.try_recv().unwrap().unwrap();
    assert_eq!(readings.due_at(), None);
}

const SERVERS: usize = 2_000;
const CLIENTS: usize = 100;
/// Some of them with many who wait.
const WRITTEN: usize = 12;
/// What can only fail by never coming.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between one text and the next everything else has its turn: outcomes of probes, and saved changes.
#[tokio::test]
async fn readings_hold_up_neither_changes_nor_probes() {
    let directory = std::env::temp_dir().join(format!("tgdns-readings-{}", std::process::id()));
    let model = model(&directory);
    let socket = model.control.clone();
    let (listener, _socket_file) = control::listen(&socket, None).unwrap();
    let slow_path = SlowPath::bind(&model).unwrap();
    let mut sources = Sources::start(&model, listener).unwrap();
    let configuration = Configuration { file: directory.join("tgdns.toml"), control: None };
    let mut controller = Controller::new(configuration, model, Admins::default(), None, slow_path);
    sources.probes.follow(controller.roster.targets());

    let mut others = JoinSet::new();
    (0..CLIENTS).for_each(|_| drop(others.spawn(poll(socket.clone()))));

    let (mut written, mut drains, mut outcomes) = (0, 0, 0);
    let (mut drain, start) = (None, Instant::now());
    while written < WRITTEN || drains == 0 || outcomes < SERVERS as u64 {
        assert!(start.elapsed() < PATIENCE, "{written} texts, {drains} drains, {outcomes} outcomes");
        if written >= 2 && drain.is_none() {
            let (reply, told) = oneshot::channel();
            let request = r#"{"command":"admin","state":"drain","servers":["c0-1"]}"#;
            controller
                .call(Call { request: serde_json::from_str::<Request>(request).unwrap(), reply }, &sources);
            drain = Some(told);
        }
        let (not_before, is_saved) = (controller.readings.not_before, !sources.saved.is_empty());
        assert_eq!(controller.turn(&mut sources).await.unwrap(), None);
        assert!(sources.probed.is_empty(), "all that waited has been taken in");
        outcomes = controller.tally.counts().iter().map(|(_, count)| count).sum();
        if controller.readings.not_before != not_before {
            written += 1;
        }
        match drain.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(reply)) => {
                reply.unwrap();
                drains += 1;
                drain = None;
            }
            Some(Err(_)) => assert!(!is_saved, "what is saved is acknowledged in the same turn"),
            None => {}
        }
        assert!(others.try_join_next().is_none(), "no client is turned away");
    }
    // None of them may ask any more when the sources end.
    drop(others);
    sources.close().await;
    fs::remove_dir_all(&directory).unwrap();
}

/// Probes find that nobody listens there.
fn model(directory: &Path) -> Model {
    let shown = directory.display();
    let mut text = format!(
        "xdp_mode = \"off\"\nstate_dir = \"{shown}\"\ncontrol = \"{shown}/control\"\ndns.listen = [\"127.0.0.1:53\"]\n"
    );
    for cluster in 0..SERVERS / 50 {
        let part = format!("{{ name = \"c{cluster}\", first = \"127.1.{cluster}.1\", count = 50 }}");
        write!(text, "[[cluster]]\nname = \"c{cluster}.netz\"\nprobe.port = 9\npart = [{part}]\n").unwrap();
    }
    let mut model = config::parse(&text, "F").unwrap();
    // Nothing is asked.
    model.listen.clear();
    fs::create_dir_all(directory).unwrap();
    model
}

/// Asks for the status on and on.
async fn poll(path: PathBuf) {
    let Ok(stream) = UnixStream::connect(path).await else { return };
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.write_all(b"{\"command\":\"status\"}\n").await.is_ok() {
        line.clear();
        if !matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) || !line.starts_with(b"{\"ok\":") {
            return;
        }
    }
}
