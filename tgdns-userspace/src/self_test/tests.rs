use std::{cell::Cell, net::IpAddr};

use super::*;
use crate::{config, netlink::ServiceAddress, publish, selection::Chosen};

const CONFIG: &str = r#"
    xdp_mode = "off"
    [[view]]
    name = "lan"
    clients = ["192.168.0.0/16", "2001:db8:1::/48"]
    [[view]]
    name = "nobody"
    clients = ["127.0.0.0/8"]
    [[cluster]]
    name = "internet.intern.netz"
    probe.port = 443
    part = [{ first = "10.10.10.100", count = 3, alias = { lan = "192.168.1.100" } }]
    [[cluster]]
    name = "one.intern.netz"
    probe.port = 443
    answer = "one"
    part = [{ first = "10.10.20.100", count = 5 }]
"#;

fn image(weight: u32) -> Image {
    image_of(CONFIG, weight)
}

fn image_of(config: &str, weight: u32) -> Image {
    let model = config::parse(config, "F").unwrap();
    let chosen = model.clusters.iter().map(|cluster| {
        let mut weights = vec![100; cluster.servers.len()];
        weights[0] = weight;
        Chosen { weights, ..Chosen::default() }
    });
    let service = |address: IpAddr| ServiceAddress {
        interface: "eth0".to_owned(),
        interface_index: 2,
        mac: [2, 0, 0, 0, 0, 1],
        vlan_tags: Vec::new(),
        address,
    };
    let services = ["10.10.10.1", "2001:db8::1"].map(|address| service(address.parse().unwrap()));
    let chosen: Vec<Chosen> = chosen.collect();
    publish::image(&model, &publish::prefixes(&model), &chosen, &services.into(), &[], &[])
}

fn program(image: &Image) -> impl FnMut(&[u8]) -> Result<Run> {
    program_of_age(image, Age::Fresh)
}

/// A program that answers by an image, on the second of two CPUs, while that one gives other answers, too.
fn program_of_age(image: &Image, age: Age) -> impl FnMut(&[u8]) -> Result<Run> {
    let turn = Cell::new(1000);
    move |frame| {
        let before = turn.get();
        turn.set(before + 7);
        let (Outcome { action, frame }, _) = answer(image, frame, before + 5, age);
        let counters = |count: u64| {
            let mut counters = [0_u64; Counter::COUNT];
            counters.fill(count);
            bytemuck::cast(counters)
        };
        let (before, after) = (counters(before), counters(before + 7));
        Ok(Run { action, frame, before: vec![counters(3), before], after: vec![counters(3), after] })
    }
}

fn check(image: &Image, run: impl FnMut(&[u8]) -> Result<Run>) -> Result<Findings> {
    let mut findings = Findings::default();
    findings.check(image, &[Age::Fresh], run).map(|()| findings)
}

fn asked(image: &Image) -> u64 {
    check(image, program(image)).unwrap().asked
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[test]
fn each_cluster_and_view_is_asked_for_both_types() {
    let image = image(100);
    // Whoever is in the third view gets no answer anyway.
    assert_eq!(asked(&image), 2 * 2 * 2);
    assert_eq!(asked(&Image::default()), 0);
}

#[test]
fn another_answer_blocks_and_is_told() {
    let (right, wrong) = (image(100), image(0));
    let error = format!("{:#}", check(&right, program(&wrong)).unwrap_err());
    for piece in ["not attached", "internet.intern.netz A for ", "10.10.10.101", "xdp_mode = \"off\""] {
        assert!(error.contains(piece), "{piece}: {error}");
    }
    // A turn that no CPU can have had.
    let run = |frame: &[u8]| {
        let mut run = program(&right)(frame)?;
        run.after = run.before.clone();
        Ok(run)
    };
    assert!(check(&right, run).is_err());
    let passes = |frame: &[u8]| Ok(Run { action: PASS, frame: frame.to_vec(), ..program(&right)(frame)? });
    let error = format!("{:#}", check(&right, passes).unwrap_err());
    assert!(error.contains("the program passed it, and its tables say that it answered"), "{error}");
}

/// It is known of a program that is about to take the place of another only where the controller was heard of just before.
#[test]
fn stale_answers_are_right_where_nobody_was_heard_of() {
    for word in ["hold", "all", "servfail", "pass"] {
        let image = image_of(&format!("when_stale = \"{word}\"\n{CONFIG}"), 100);
        let check = |ages: &[Age]| {
            Findings::default().check(&image, ages, program_of_age(&image, Age::Stale)).is_ok()
        };
        assert!(check(&Age::UNKNOWN), "{word}");
        assert!(!check(&[Age::Fresh]), "{word}");
    }
}

#[test]
fn alarms_come_and_go_once() {
    let (right, wrong) = (image(100), image(0));
    let mut findings = Findings::default();
    assert_eq!(findings.ask_some(&right, far(), program(&right)).unwrap(), News::default());
    let failed = findings.ask_some(&right, far(), program(&wrong)).unwrap().failed;
    assert!(!failed.is_empty());
    assert_eq!(findings.ask_some(&right, far(), program(&wrong)).unwrap(), News::default());
    assert_eq!(findings.failing().count(), failed.len());
    let [(_, asked), (_, differences), (_, failing), _] = findings.counts();
    assert_eq!((differences, failing), (2 * failed.len() as u64, failed.len() as u64));
    // Of one name all five turns, as an answer has one address.
    assert!(asked >= 2 * (1 + 1 + 5 + 1), "{asked}");
    let mended = findings.ask_some(&right, far(), program(&right)).unwrap().mended;
    assert_eq!((mended.len(), findings.failing().count()), (failed.len(), 0));
}

/// A round that has no time asks one question, and the next one goes on behind it.
#[test]
fn rounds_are_short_and_come_to_all() {
    let image = image(100);
    let frames = |until: fn() -> Instant, rounds: usize| {
        let (mut findings, mut run, mut asked) = (Findings::default(), program(&image), Vec::new());
        for _ in 0..rounds {
            let news = findings.ask_some(&image, until(), |frame| {
                asked.push(frame.to_vec());
                run(frame)
            });
            assert_eq!(news.unwrap(), News::default());
        }
        asked
    };
    let whole = frames(far, 1);
    assert!(whole.len() > 8, "{}", whole.len());
    assert_eq!(frames(Instant::now, cases::count(&image)), whole);
}

/// The limit leaves the self-test's questions out, so a query that is dropped is no matter of the limit, whatever the counters say.
#[test]
fn a_limit_excuses_nothing() {
    let limited = image_of(&format!("{CONFIG}\n[dns.rate_limit]\n"), 100);
    let drops = || {
        let limited = &limited;
        move |frame: &[u8]| Ok(Run { action: DROP, frame: frame.to_vec(), ..program(limited)(frame)? })
    };
    assert!(check(&limited, program(&limited)).is_ok());
    let error = format!("{:#}", check(&limited, drops()).unwrap_err());
    assert!(error.contains("the program dropped it"), "{error}");
    let mut findings = Findings::default();
    let failed = findings.ask_some(&limited, far(), drops()).unwrap().failed;
    assert!(!failed.is_empty());
    assert_eq!(findings.ask_some(&limited, far(), drops()).unwrap(), News::default());
    assert_eq!(findings.failing().count(), failed.len());
}

/// A reply that is another once or twice is no alarm, a third one is.
#[test]
fn a_question_is_asked_again_before_it_fails() {
    let (right, wrong) = (image(100), image(0));
    let asked_once = asked(&right);
    for (spoilt, is_alarm) in [(1, false), (TRIES as u64 - 1, false), (TRIES as u64, true)] {
        let (mut right_run, mut wrong_run, mut asked) = (program(&right), program(&wrong), 0);
        let mut findings = Findings::default();
        let outcome = findings.check(&right, &[Age::Fresh], |frame| {
            asked += 1;
            if asked <= spoilt { wrong_run(frame) } else { right_run(frame) }
        });
        assert_eq!(outcome.is_err(), is_alarm, "{spoilt}: {outcome:?}");
        let [(_, counted), (_, differences), ..] = findings.counts();
        assert_eq!((counted, differences), (asked, u64::from(is_alarm)), "{spoilt}");
        // All three turns twice, and not just once.
        let again = if is_alarm { spoilt - 1 } else { spoilt - 1 + 2 * 3 };
        assert_eq!(asked, asked_once + again, "{spoilt}");
    }
}

/// Where an answer has one of five addresses, four of five are right.
#[test]
fn one_wrong_address_of_many_is_an_alarm() {
    let image = image(100);
    let mut run = program(&image);
    let news = Findings::default().ask_some(&image, far(), |frame| {
        let mut run = run(frame)?;
        let place = run.frame.windows(4).position(|address| address == [10, 10, 20, 103]);
        if let Some(last) = place.and_then(|place| run.frame.get_mut(place + 3)) {
            *last = 202;
        }
        Ok(run)
    });
    let failed = news.unwrap().failed;
    // In both views.
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed.iter().all(|told| told.starts_with("one.intern.netz A for ")), "{failed:?}");
}

/// `tgdns stats` leaves it out as it does answers.
#[test]
fn what_is_passed_is_counted_too() {
    let image = image_of(&format!("when_stale = \"pass\"\n{CONFIG}"), 100);
    let mut findings = Findings::default();
    findings.check(&image, &[Age::Stale], program_of_age(&image, Age::Stale)).unwrap();
    assert_eq!((findings.counted().stale, findings.asked), (asked(&image), asked(&image)));
}
