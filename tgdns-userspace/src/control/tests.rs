use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::anyhow;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    sync::mpsc,
    time::{Duration, timeout},
};

use super::{
    server::{CLIENTS_AT_ONCE, LONGEST_REQUEST, PATIENCE, STOPPED, serve},
    *,
};

/// A directory of its own for each test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tgdns-control-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("run/control.sock")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A controller that answers `status` with a number that counts up, and `stats` with an error.
fn start(directory: &Directory) -> SocketFile {
    let (listener, file) = listen(&directory.socket(), None).unwrap();
    let (sender, mut calls) = mpsc::channel::<Call>(4);
    tokio::spawn(serve(tokio::net::UnixListener::from_std(listener).unwrap(), sender));
    tokio::spawn(async move {
        let mut number = 0;
        while let Some(call) = calls.recv().await {
            number += 1;
            let reply = match call.request {
                Request::Status {} => Reply::ok(&json!({ "number": number })),
                Request::Admin(_) | Request::History {} | Request::Reload {} => Reply::ok(&"done"),
                Request::Stats {} => Err(anyhow!("inner").context("outer")),
            };
            // A client may be gone before its reply.
            let _ = call.reply.send(reply);
        }
    });
    file
}

async fn ask(stream: &mut UnixStream, request: &[u8]) -> Value {
    stream.write_all(request).await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    serde_json::from_str(&line).unwrap()
}

/// Whoever may read a directory may lock it.
#[test]
fn a_directory_that_is_locked_by_somebody_holds_up_no_start() {
    let directory = std::env::temp_dir().join(format!("tgdns-control-locked-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let opened = std::fs::File::open(&directory).unwrap();
    let _locked = nix::fcntl::Flock::lock(opened, nix::fcntl::FlockArg::LockExclusive).unwrap();
    drop(socket::bind(&directory.join("control.sock"), None).unwrap());
    std::fs::remove_dir(&directory).unwrap();
}

#[tokio::test]
async fn requests_get_their_replies_on_one_connection() {
    let directory = Directory::new();
    let _file = start(&directory);
    let mut stream = UnixStream::connect(directory.socket()).await.unwrap();
    let bad = "not a request: ask one per line";
    for (request, key, start) in [
        ("{\"command\":\"status\"}\n", "ok", "{\"number\":1}"),
        ("{\"command\":\"stats\"}\n", "error", "\"outer: inner\""),
        ("{\"command\":\"explode\"}\n", "error", bad),
        ("{\"command\":\"status\",\"more\":1}\n", "error", bad),
        ("\n", "error", bad),
        ("{\"command\":\"status\"}\n", "ok", "{\"number\":3}"),
    ] {
        let reply = ask(&mut stream, request.as_bytes()).await;
        assert!(reply[key].to_string().contains(start), "{request:?}: {reply}");
    }
}

#[tokio::test]
async fn an_endless_request_is_cut_off() {
    let directory = Directory::new();
    let _file = start(&directory);
    let mut stream = UnixStream::connect(directory.socket()).await.unwrap();
    let longest = vec![b' '; usize::try_from(LONGEST_REQUEST).unwrap()];
    let reply = ask(&mut stream, &longest).await;
    assert_eq!(reply["error"], "the request is longer than 65536 bytes");
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap(), 0, "the connection ends");
}

/// A newcomer gets the place of the one that has been idle longest, and nobody else's.
#[tokio::test]
async fn clients_that_say_nothing_do_not_hold_up_others() {
    let directory = Directory::new();
    let _file = start(&directory);
    let mut busy = UnixStream::connect(directory.socket()).await.unwrap();
    let mut silent = Vec::new();
    for number in 0..2 * CLIENTS_AT_ONCE {
        let mut stream = UnixStream::connect(directory.socket()).await.unwrap();
        // Half a request is none.
        stream.write_all(b"{\"command\":").await.unwrap();
        silent.push(stream);
        let asked = timeout(Duration::from_secs(5), ask(&mut busy, b"{\"command\":\"status\"}\n")).await;
        assert_eq!(asked.unwrap()["ok"]["number"], number + 1);
    }
    for (number, stream) in silent.iter_mut().enumerate() {
        let ended = timeout(Duration::from_millis(20), stream.read(&mut [0])).await;
        let is_evicted = number < CLIENTS_AT_ONCE + 1;
        assert_eq!(ended.is_ok(), is_evicted, "client {number}");
    }
}

/// One waits for its reply, many have not been let in yet; nobody waits for the one that asks nothing.
#[tokio::test]
async fn at_the_end_all_who_have_asked_are_told() {
    let directory = Directory::new();
    let (listener, _file) = listen(&directory.socket(), None).unwrap();
    let (sender, mut calls) = mpsc::channel(4);
    let server = Server::start(listener, sender).unwrap();
    let connect = || std::os::unix::net::UnixStream::connect(directory.socket()).unwrap();
    let asking = || {
        let mut stream = connect();
        std::io::Write::write_all(&mut stream, b"{\"command\":\"status\"}\n").unwrap();
        stream
    };
    let (idle, waits) = (connect(), asking());
    let call: Call = calls.recv().await.unwrap();
    // The channel has room for a few of them. All places are taken.
    let late: Vec<_> = std::iter::repeat_with(asking).take(CLIENTS_AT_ONCE - 2).collect();
    drop(calls);
    server.ended().await;
    // Whoever could have replied has not: that is not waited for.
    drop(call);
    let told = |mut stream| std::io::read_to_string(&mut stream).unwrap();
    let [stopping, stopped] = [STOPPING, STOPPED].map(|error| format!("{}\n", json!({ "error": error })));
    assert_eq!(told(waits), stopped);
    for stream in late {
        let told = told(stream);
        assert!(told == stopping || told == stopped, "{told}");
    }
    assert_eq!(told(idle), "");
}

#[tokio::test(start_paused = true)]
async fn silent_clients_are_shown_out() {
    let directory = Directory::new();
    let _file = start(&directory);
    let mut silent = UnixStream::connect(directory.socket()).await.unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(start.elapsed().as_secs(), PATIENCE.as_secs());
}

#[tokio::test]
async fn the_file_is_the_owner_s_unless_a_group_is_named() {
    let directory = Directory::new();
    let (_listener, file) = listen(&directory.socket(), None).unwrap();
    let mode = || fs::metadata(directory.socket()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::effective()).unwrap().unwrap();
    set_access(&directory.socket(), Some(&group.name)).unwrap();
    assert_eq!(mode(), 0o660);
    let problem = group_problem(Some("no-such-group")).unwrap();
    assert!(problem.contains("`groupadd no-such-group`"), "{problem}");
    drop(file);
    listen(&directory.socket(), Some("no-such-group")).unwrap_err();
}

#[tokio::test]
async fn a_client_that_leaves_early_harms_nobody() {
    let directory = Directory::new();
    let _file = start(&directory);
    for _ in 0..3 {
        let mut stream = UnixStream::connect(directory.socket()).await.unwrap();
        stream.write_all(b"{\"command\":\"status\"}\n").await.unwrap();
    }
    let mut stream = UnixStream::connect(directory.socket()).await.unwrap();
    assert!(ask(&mut stream, b"{\"command\":\"status\"}\n").await["ok"]["number"].is_u64());
}

#[tokio::test]
async fn the_client_side_understands_the_replies() {
    let directory = Directory::new();
    let _file = start(&directory);
    let path = directory.socket();
    let (status, stats) = tokio::task::spawn_blocking(move || {
        (client::call::<Value>(&path, &Request::Status {}), client::call::<Value>(&path, &Request::Stats {}))
    })
    .await
    .unwrap();
    assert_eq!(status.unwrap()["number"], 1);
    assert_eq!(stats.unwrap_err().to_string(), "outer: inner");
}

#[tokio::test]
async fn only_owner_and_group_may_ask_and_the_file_goes_at_the_end() {
    let directory = Directory::new();
    let path = directory.socket();
    let file = start(&directory);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(file);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_live_socket_is_refused_and_stays() {
    let directory = Directory::new();
    let path = directory.socket();
    let _file = start(&directory);
    let error = format!("{:#}", listen(&path, None).unwrap_err());
    assert!(error.contains(&format!("another tgdns run answers at {}", path.display())), "{error}");
    let mut stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(ask(&mut stream, b"{\"command\":\"status\"}\n").await["ok"]["number"], 1);
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let directory = Directory::new();
    let path = directory.socket();
    fs::create_dir(path.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the standard library leaves the file");
    let _file = start(&directory);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(ask(&mut stream, b"{\"command\":\"status\"}\n").await["ok"]["number"], 1);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = Directory::new();
    let path = directory.socket();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = format!("{:#}", listen(&path, None).unwrap_err());
    assert!(error.contains("is no socket: move it away"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_missing_controller_is_told_with_a_way_out() {
    let directory = Directory::new();
    let error = client::call::<Value>(&directory.socket(), &Request::Status {}).unwrap_err().to_string();
    assert!(error.starts_with("no tgdns run answers at "), "{error}");
    assert!(error.contains("--control"), "{error}");
}

/// Whoever waits in vain for a change is not told that nothing came of it.
#[tokio::test]
async fn a_change_that_is_not_acknowledged_may_have_happened() {
    let directory = Directory::new();
    let (_listener, _file) = listen(&directory.socket(), None).unwrap();
    let wish = r#"{"command":"admin","state":"drain","servers":["a"]}"#;
    for (request, may_happen) in [
        (serde_json::from_str(wish).unwrap(), true),
        (Request::Reload {}, true),
        (Request::Status {}, false),
        (Request::History {}, false),
        (Request::Stats {}, false),
    ] {
        let patience = Duration::from_millis(20);
        let error = client::exchange(&directory.socket(), &request, patience).unwrap_err().to_string();
        assert!(error.starts_with("no reply from tgdns run at "), "{error}");
        assert_eq!(error.contains("the change may take effect even so"), may_happen, "{error}");
    }
}
