use std::collections::BTreeSet;

use super::*;
use crate::{admin::Admins, config, health::Outcome, status::HandedOut};

const CONFIG: &str = r#"
    xdp_mode = "off"
    [[cluster]]
    name = "c.netz"
    min_up = 2
    probe = { port = 443, rise = 1, fall = 1 }
    part = [{ first = "10.0.0.1", count = 3 }]
"#;

/// A controller's life, as far as it concerns what is told.
struct Life {
    roster: Roster,
    rules: Rules,
    start: Instant,
}

impl Life {
    fn new() -> Self {
        let model = config::parse(CONFIG, "F").unwrap();
        let start = Instant::now();
        let roster = Roster::new(model, Admins::default(), Some(BTreeSet::new()), start);
        Self { roster, rules: Rules::default(), start }
    }

    /// So many of the servers are live at a time, in milliseconds since the start: what is told, with the seconds for which
    /// it was otherwise.
    fn live(&mut self, live: usize, at: u64) -> Vec<String> {
        let now = self.start + Duration::from_millis(at);
        for server in 0..3 {
            let outcome = match server < live {
                true => Outcome::success(Duration::ZERO),
                false => Outcome::failure("connection refused"),
            };
            self.roster.observe(0, server, 0, &outcome, now);
        }
        if let Some(due) = self.roster.due(now, 0) {
            self.rules.see(&self.roster, &due, now);
            self.roster.set_published(due);
        }
        self.told(at)
    }

    fn told(&mut self, at: u64) -> Vec<String> {
        let now = self.start + Duration::from_millis(at);
        let line = |RuleNews { cluster, remark: Remark { from, to, cause, .. }, after, .. }| {
            let after = after.map_or("-".to_owned(), |after: Duration| after.as_secs().to_string());
            format!("{cluster}: {from} -> {to} after {after} ({cause})")
        };
        self.rules.tell(now).into_iter().map(line).collect()
    }

    /// Another run, with what this one has saved.
    fn restart(&mut self, at: u64) {
        let now = self.start + Duration::from_millis(at);
        let memory = Memory::of(&self.roster, &self.rules, now, 1_000_000 + at);
        let memory: Memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        let start = self.start;
        *self = Self::new();
        self.start = start;
        self.rules = Rules::recalled(self.roster.model(), &memory, now, 1_000_000 + at);
    }
}

#[test]
fn too_few_and_enough_again_are_told_once() {
    let mut life = Life::new();
    assert_eq!(life.live(3, 0), Vec::<String>::new(), "all is well, as people take it");
    let few = "c.netz: live -> all after - (1 of 3 servers is live, and min_up is 2)";
    assert_eq!(life.live(1, 5_000), [few]);
    assert_eq!(life.live(0, 6_000), Vec::<String>::new(), "the same rule");
    let enough = "c.netz: all -> live after 4 (2 of 3 servers are live, and min_up is 2)";
    assert_eq!(life.live(2, 9_000), [enough]);
    assert_eq!(life.live(3, 10_000), Vec::<String>::new());
    assert_eq!(life.rules.due_at(), None);
    let told: Vec<&str> = life.rules.remarks("c.netz").map(|(_, remark)| remark.to.as_str()).collect();
    assert_eq!(told, ["all", "live"]);
}

/// The next run neither repeats what was told nor leaves it standing.
#[test]
fn an_alarm_is_ended_over_a_restart() {
    for (live, expected) in [
        (0, &[][..]),
        (3, &["c.netz: all -> live after 7 (3 of 3 servers are live, and min_up is 2)".to_owned()]),
    ] {
        let mut life = Life::new();
        assert_eq!(life.live(0, 0).len(), 1);
        life.restart(5_000);
        assert_eq!(life.told(5_000), Vec::<String>::new(), "nothing is published yet");
        assert_eq!(life.live(live, 7_000), expected);
        assert_eq!(life.rules.remarks("c.netz").count(), 1 + expected.len());
    }
}

/// Servers come and go at the threshold, a hundred times a second.
#[test]
fn of_what_changes_all_the_time_little_is_told_and_the_last_of_it() {
    let mut life = Life::new();
    life.live(3, 0);
    let mut told = Vec::new();
    for turn in 0..1000 {
        told.extend(life.live(usize::from(turn % 2 == 0) + 1, 1_000 + 10 * turn));
    }
    told.extend(life.told(12_000));
    assert!((5..=11).contains(&told.len()), "{told:?}");
    assert!(told.last().unwrap().contains(": live -> all "), "what lasts: {told:?}");
    // It comes back, and goes, and comes back, which lasts.
    assert_eq!(life.live(3, 20_000).len(), 1);
    for (live, at) in [(0, 20_010), (3, 20_020), (0, 20_030)] {
        assert_eq!(life.live(live, at), Vec::<String>::new());
    }
    assert_eq!(life.rules.due_at(), Some(life.start + Duration::from_millis(21_000)));
    assert_eq!(life.told(20_999), Vec::<String>::new());
    assert_eq!(
        life.told(21_000),
        ["c.netz: live -> all after 1 (none of 3 servers is live, and min_up is 2)"]
    );
    assert_eq!(life.rules.due_at(), None);
}

/// Where it stays it goes on; where it is taken away nothing of it is left.
#[test]
fn another_configuration() {
    let mut life = Life::new();
    life.live(0, 0);
    for (name, expected) in [("c.netz", 1), ("d.netz", 0)] {
        let model = config::parse(&CONFIG.replace("c.netz", name), "F").unwrap();
        let now = life.start + Duration::from_secs(20);
        let mut next = life.roster.successor(model, now);
        let due = next.due(now + Duration::from_secs(60), 0).unwrap();
        life.rules.see(&next, &due, now);
        assert_eq!(life.rules.remarks("c.netz").count(), expected, "{name}");
    }
}

/// `lan` is shown the first server alone. What is told of the cluster is not told of the view once more.
#[test]
fn a_view_that_is_shown_no_live_server() {
    let config = CONFIG
        .replace("min_up = 2", "")
        .replace("[[cluster]]", "view = [{ name = \"lan\", clients = [\"10.9.0.0/16\"] }]\n[[cluster]]")
        .replace("count = 3", "count = 1")
        + "server = [{ name = \"b\", address = \"10.0.0.9\", alias = { lan = \"none\" } }]\n";
    let model = config::parse(&config, "F").unwrap();
    let start = Instant::now();
    let mut roster = Roster::new(model.clone(), Admins::default(), Some(BTreeSet::new()), start);
    let mut rules = Rules::default();
    let out = "lan: live -> all (none of 1 servers that view lan is shown is live)";
    let back = "lan: all -> live (1 of 1 servers that view lan is shown is live)";
    for (second, (ups, expected)) in (0..).step_by(5).zip([
        ([true, true], &[][..]),
        ([false, true], &[out]),
        ([false, false], &["-: live -> all (none of 2 servers is live)"]),
        ([false, true], &["-: all -> live (1 of 2 servers is live)"]),
        ([true, true], &[back]),
        ([false, false], &["-: live -> all (none of 2 servers is live)"]),
        ([true, true], &["-: all -> live (2 of 2 servers are live)"]),
        ([false, true], &[out]),
    ]) {
        let now = start + Duration::from_secs(second);
        for (server, is_up) in ups.into_iter().enumerate() {
            let outcome =
                if is_up { Outcome::success(Duration::ZERO) } else { Outcome::failure("connection refused") };
            roster.observe(0, server, 0, &outcome, now);
        }
        let due = roster.due(now, 0).unwrap();
        rules.see(&roster, &due, now);
        roster.set_published(due);
        let line = |RuleNews { view, remark: Remark { from, to, cause, .. }, .. }| {
            format!("{}: {from} -> {to} ({cause})", view.as_deref().unwrap_or("-"))
        };
        assert_eq!(rules.tell(now).into_iter().map(line).collect::<Vec<_>>(), expected, "at {second} s");
        assert_eq!(rules.due_at(), None, "at {second} s");
    }
    // The next run knows it.
    let memory = Memory::of(&roster, &rules, start, 1_000_000);
    let next = Rules::recalled(&model, &memory, start, 1_000_000);
    assert_eq!(next.remarks("c.netz").collect::<Vec<_>>().len(), 7);
    assert_eq!(next.clusters["c.netz"].views["lan"].word(), "all");
    // A configuration in which the view is shown all servers ends that as well.
    let now = start + Duration::from_secs(60);
    let all = config::parse(&config.replace(", alias = { lan = \"none\" }", ""), "F").unwrap();
    let mut roster = roster.successor(all, now);
    let due = roster.due(now + Duration::from_secs(60), 0).unwrap();
    rules.see(&roster, &due, now);
    let ended = rules.tell(now);
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!((ended[0].view.as_deref(), ended[0].rule), (Some("lan"), Rule::Live));
}

#[test]
fn the_words_are_those_of_the_status() {
    for rule in
        [Rule::Live, Rule::All, Rule::Last, Rule::Servfail, Rule::Refused, Rule::NoData, Rule::Addresses]
    {
        assert_eq!(serde_json::to_value(HandedOut::from(rule)).unwrap(), rule.word());
    }
}
