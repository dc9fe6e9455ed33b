//! What is told of servers' changes: a line in the log with the facts as fields, and the hooks.

use std::time::{Instant, SystemTime};

use super::{
    Controller,
    roster::{News, What},
};
use crate::{hook::Fact, remark::Subject, status};

impl Controller {
    /// Tells what has changed since it was called last.
    pub(super) fn tell_news(&mut self, now: Instant) {
        let mut news = self.roster.take_news();
        if let Some(prepared) = &mut self.reloading.prepared {
            // What the rosters share is told once.
            let more = prepared.roster.take_news();
            news.extend(more.into_iter().filter(|news| self.roster.place(news.target).is_none()));
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
        server: news.server.clone(),
        address: news.address.to_string(),
        from,
        to,
        cause: Some(cause.clone()),
        until: until.map(status::unix_timestamp),
        after_seconds: news.after.map(|after| after.as_secs()),
        at: status::timestamp(SystemTime::now()),
    }
}

fn log(what: &What, fact: &Fact) {
    let Fact { event: _, cluster, server, address, from, to, cause, until, after_seconds, at: _ } = fact;
    let told = match what {
        What::Verdict(_) => "health changed",
        What::Remark(remark) => match remark.subject {
            Subject::Admin => "admin state changed",
            Subject::Reported => "a server says so of itself",
            Subject::Weight => "a server gives itself another weight",
            Subject::Probing => "whether it can be probed has changed",
        },
    };
    match what {
        // Its health is what it was, whatever has become of it.
        What::Remark(remark) if remark.is_impediment() => {
            tracing::warn!(cluster, server, %address, from, to, cause, until, after_seconds, "{told}");
        }
        What::Verdict(_) | What::Remark(_) => {
            tracing::info!(cluster, server, %address, from, to, cause, until, after_seconds, "{told}");
        }
    }
}
