use std::{fs, path::PathBuf};

use super::*;

/// Enough for whatever ends by itself.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A busy machine may need longer until a command has said something.
const SHORT: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

async fn run(script: &str, timeout: Duration) -> Outcome {
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let destination = Destination::at("10.9.9.9:443");
    probe(&Exec { command }, &destination, timeout).await.expect("a verdict")
}

fn cause(outcome: Outcome) -> String {
    match outcome {
        Outcome::Success { report, .. } => format!("success {report:?}"),
        Outcome::Failure { cause, .. } => cause,
    }
}

#[tokio::test]
async fn ends() {
    for (script, expected) in [
        ("exit 3", "ended with 3"),
        ("echo; echo disk full; echo more; exit 1", "ended with 1: disk full"),
        ("echo on stderr >&2; exit 2", "ended with 2: on stderr"),
        ("kill -TERM $$", "ended by signal 15"),
        ("printf 'a\\tb\\n'; exit 1", "ended with 1: \"a\\tb\""),
        (
            "echo $TGDNS_CLUSTER $TGDNS_SERVER $TGDNS_ADDRESS $TGDNS_PORT; exit 9",
            "ended with 9: c.test c-1 10.9.9.9 443",
        ),
        ("echo down '#' no licence", "it says down (no licence)"),
        // Its environment is not the controller's.
        ("echo ${HOME:-none} $PWD; exit 1", "ended with 1: none /"),
    ] {
        assert_eq!(cause(run(script, TIMEOUT).await), expected, "{script}");
    }
    let outcome = run("echo all is well", TIMEOUT).await;
    assert!(outcome.is_success() && outcome.report().weight.is_none(), "{outcome:?}");
    let outcome = run("echo 50%", TIMEOUT).await;
    assert_eq!(outcome.report().weight, Some(crate::health::ReportedWeight::Percent(50)));
}

#[tokio::test]
async fn what_hangs_or_never_stops_writing_is_killed() {
    let started = Instant::now();
    let mut told = vec![];
    for timeout in SHORT {
        let killed = format!("killed after {}", humantime::format_duration(timeout));
        // Neither a signal that is caught holds it up.
        told = vec![
            cause(run("trap '' TERM INT HUP; echo so far; sleep 600", timeout).await),
            format!("{killed}: so far"),
        ];
        if told[0] != killed {
            break;
        }
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(cause(run("yes", TIMEOUT).await), "killed after 65536 bytes of output: y");
    // Nor does a child that keeps the output open.
    assert!(run("sleep 600 & exit 0", TIMEOUT).await.is_success());
    assert!(started.elapsed() < 2 * TIMEOUT, "{:?}", started.elapsed());
}

/// Children in the background, children of children, and the controller that gives up the probe midway.
#[tokio::test]
async fn nothing_is_left_of_a_command() {
    let directory = std::env::temp_dir().join(format!("tgdns-exec-probe-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let note = |name: &str| directory.join(name);
    let forker = |name: &str, end: &str| {
        let path = note(name);
        let path = path.display();
        format!(
            "(sleep 600 & echo $! >>{path}; sleep 600 & echo $! >>{path}; echo $$ >>{path}) & wait $!; echo $! >>{path}; {end}"
        )
    };
    run(&forker("ended", "exit 1"), TIMEOUT).await;
    let count = |name| fs::read_to_string(note(name)).unwrap_or_default().lines().count();
    for timeout in SHORT {
        let _ = fs::remove_file(note("hung"));
        run(&forker("hung", "sleep 600"), timeout).await;
        if count("hung") == 4 {
            break;
        }
    }
    let given_up = forker("given-up", "sleep 600");
    tokio::select! {
        outcome = run(&given_up, TIMEOUT) => panic!("{outcome:?}"),
        () = async {
            while count("given-up") != 4 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }
    for name in ["ended", "hung", "given-up"] {
        let processes = fs::read_to_string(note(name)).expect("the processes' numbers");
        let processes: Vec<&str> = processes.lines().collect();
        assert_eq!(processes.len(), 4, "{name}: {processes:?}");
        for process in processes {
            gone(name, process).await;
        }
    }
    fs::remove_dir_all(&directory).expect("removed");
}

/// Orphans are their new parent's to reap, so a zombie of it is as good as gone.
async fn gone(name: &str, process: &str) {
    let deadline = Instant::now() + TIMEOUT;
    let state = PathBuf::from("/proc").join(process).join("stat");
    while let Ok(stat) = fs::read_to_string(&state) {
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ours = fields.get(1) == Some(&std::process::id().to_string().as_str());
        if fields.first() == Some(&"Z") && !ours {
            return;
        }
        assert!(Instant::now() < deadline, "{name}: process {process} is there still: {stat}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_run_is_this_host_s_fault() {
    for (program, expected) in [
        ("/nonexistent/check", "cannot run /nonexistent/check: No such file or directory (os error 2)"),
        ("/etc", "cannot run /etc: Permission denied (os error 13)"),
    ] {
        let kind = Exec { command: vec![program.to_owned()] };
        let error = probe(&kind, &Destination::at("10.9.9.9"), TIMEOUT).await.expect_err("no verdict");
        assert_eq!(error.to_string(), expected);
    }
}
