//! What is told of servers' and clusters' changes: a line in the log with the facts as fields, and the hooks.

use std::time::{Instant, SystemTime};

use super::{
    Controller,
    roster::{News, What},
};
use crate::{
    cluster::Occasion,
    hook::Fact,
    remark::{Remark, Subject},
    rules::RuleNews,
    selection::Rule,
    status,
};

impl Controller {
    /// Tells what has changed since it was called last.
    pub(super) fn tell_news(&mut self, now: Instant) {
        let mut news = self.roster.take_news();
        if let Some(prepared) = &mut self.reloading.prepared {
            // What the rosters share is told once.
            let more = prepared.roster.take_news();
            let is_shared = |news: &News| self.roster.place(news.target).is_some();
            let is_said_of_both =
                |news: &News| news.is_of_people() && self.roster.has_server(&news.cluster, &news.server);
            news.extend(more.into_iter().filter(|news| !is_shared(news) && !is_said_of_both(news)));
        }
        if !news.is_empty() {
            self.health_file.changed(now);
        }
        for news in news {
            let fact = fact(&news);
            log(&news.what, &fact);
            if fact.from != fact.to {
                self.hooks.tell(fact);
            }
        }
    }

    /// Tells which clusters are answered by another rule than people were told last.
    pub(super) fn tell_rules(&mut self, now: Instant) {
        for RuleNews { cluster, view, rule, remark, after } in self.rules.tell(now) {
            self.health_file.changed(now);
            let Remark { from, to, cause, .. } = remark;
            let after_seconds = after.map(|after| after.as_secs());
            if rule == Rule::Live {
                let told = "only live servers are handed out again";
                tracing::info!(cluster, view, from, to, cause, after_seconds, "{told}");
            } else {
                let rule = rule.as_str();
                tracing::warn!(
                    cluster,
                    view,
                    from,
                    to,
                    cause,
                    after_seconds,
                    "too few servers are live: {rule}"
                );
            }
            self.hooks.tell(Fact {
                event: Occasion::Answers,
                cluster,
                view,
                server: None,
                address: None,
                from,
                to,
                cause: Some(cause),
                until: None,
                after_seconds,
                at: status::timestamp(SystemTime::now()),
            });
        }
    }
}

fn fact(news: &News) -> Fact {
    let (from, to, cause, until) = match &news.what {
        What::Verdict(change) => {
            (change.from.as_str().to_owned(), change.to.as_str().to_owned(), &change.cause, None)
        }
        What::Remark(remark) => (remark.from.clone(), remark.to.clone(), &remark.cause, remark.until),
    };
    Fact {
        event: news.occasion(),
        cluster: news.cluster.clone(),
        view: None,
        server: Some(news.server.clone()),
        address: Some(news.address.to_string()),
        from,
        to,
        cause: Some(cause.clone()),
        until: until.map(status::unix_timestamp),
        after_seconds: news.after.map(|after| after.as_secs()),
        at: status::timestamp(SystemTime::now()),
    }
}

fn log(what: &What, fact: &Fact) {
    let Fact { event: _, cluster, view: _, server, address, from, to, cause, until, after_seconds, at: _ } =
        fact;
    let address = address.as_ref().map(tracing::field::display);
    let told = match what {
        What::Verdict(_) => "health changed",
        What::Remark(remark) => match remark.subject {
            Subject::Admin => "admin state changed",
            Subject::Reported => "a server says so of itself",
            Subject::Weight => "a server gives itself another weight",
            Subject::Probing => "whether it can be probed has changed",
            Subject::Answers => "it is answered by another rule",
        },
    };
    match what {
        // Its health is what it was, whatever has become of it.
        What::Remark(remark) if remark.is_impediment() => {
            tracing::warn!(cluster, server, address, from, to, cause, until, after_seconds, "{told}");
        }
        What::Verdict(_) | What::Remark(_) => {
            tracing::info!(cluster, server, address, from, to, cause, until, after_seconds, "{told}");
        }
    }
}
