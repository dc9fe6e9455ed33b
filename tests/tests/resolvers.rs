//! The resolvers that organisations have, each as Debian has it and told by `tgdns forwarder-config` whom to ask.
//!
//! Each is played twice: through the fast path, and through TCP, where the load balancers' answers over UDP are all cut.
//! Scenes of resolvers run side by side, so their times have a margin.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::lab::{
    dns::{TYPE_A, TYPE_AAAA},
    loadbalancer::LoadBalancer,
    plan::{Answering, Plan},
    run::Run,
    scene::Scene,
    stub::Stub,
    upstream::{Count, Upstream},
    watch::GONE_WITHIN,
};
use tgdns::forwarder::{DnsServer, Style};

/// A TTL of one second where a cache counts in whole seconds.
const CACHED: Duration = Duration::from_secs(2);
/// For two scenes on two processors.
const MARGIN: Duration = Duration::from_millis(700);
/// Between two questions; more of them at once are more than Knot Resolver sends over one TCP connection.
const PAUSE: Duration = Duration::from_millis(50);
/// An answer that has been right for so long stays right.
const SETTLED: Duration = Duration::from_millis(1200);
/// An answer that comes from a cache.
const AT_ONCE: Duration = Duration::from_millis(200);
/// Types that no server has, each of which a cache has to ask for once.
const UNKNOWN_TYPES: std::ops::Range<u16> = 1000..1400;

/// What a resolver does by design.
struct Resolver {
    told: (DnsServer, Style),
    negatives: Negatives,
    choice: Choice,
    /// How long the first query may take that comes to a load balancer that has just died.
    survives: Duration,
}

/// What becomes of the answer that there is no such record, whose TTL is 5 s.
#[derive(PartialEq, Eq)]
enum Negatives {
    /// Nobody is asked again before the TTL is over.
    Kept,
    /// The client is answered from the cache, and the load balancers are asked again meanwhile.
    Refreshed,
}

/// Which load balancer is asked while both are well.
#[derive(PartialEq, Eq)]
enum Choice {
    /// One or the other, within a few hundred queries.
    Both,
    /// The same for a long time: the first for as long as it answers, or the one that was the faster, where the other's
    /// time is forgotten within minutes.
    One,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Its time-out for a load balancer that it knows is 0.8 s, or 1.2 s for a forwarder. It takes the faster one, and
/// the other now and then.
const fn bind(style: Style) -> Resolver {
    Resolver {
        told: (DnsServer::Bind, style),
        negatives: Negatives::Kept,
        choice: Choice::One,
        survives: seconds(2),
    }
}

/// It chooses by chance among all that answer within 0.4 s, and takes 1.5 s at most to find out who does not. With
/// `use-caps-for-id` it asks everybody several times once it has chosen a dead one four times in a row, which takes 5 s.
const fn unbound(style: Style) -> Resolver {
    Resolver {
        told: (DnsServer::Unbound, style),
        negatives: Negatives::Kept,
        choice: Choice::Both,
        survives: seconds(6),
    }
}

/// It has no time-out of its own: it asks both load balancers when the client asks again, and with each 50th query.
const DNSMASQ: Resolver = Resolver {
    told: (DnsServer::Dnsmasq, Style::Forward),
    negatives: Negatives::Kept,
    choice: Choice::Both,
    survives: seconds(6),
};

/// Debian's loads the module `predict`, which fetches anew what expires within 5 s.
const fn knot_resolver(style: Style) -> Resolver {
    Resolver {
        told: (DnsServer::KnotResolver, style),
        negatives: Negatives::Refreshed,
        choice: Choice::Both,
        survives: seconds(5),
    }
}

/// Its `network-timeout` is 1.5 s. It takes the faster one, and forgets the other's time within minutes.
const PDNS_RECURSOR: Resolver = Resolver {
    told: (DnsServer::PdnsRecursor, Style::Forward),
    negatives: Negatives::Kept,
    choice: Choice::One,
    survives: seconds(3),
};

/// It waits 5 s for a DNS server, then turns to the next.
const SYSTEMD_RESOLVED: Resolver = Resolver {
    told: (DnsServer::SystemdResolved, Style::Forward),
    negatives: Negatives::Kept,
    choice: Choice::One,
    survives: seconds(6),
};

macro_rules! through_both {
    ($($name:ident: $resolver:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn through_the_fast_path() -> Result<()> {
                play(&$resolver, Answering::FastPath)
            }

            #[test]
            fn through_tcp() -> Result<()> {
                play(&$resolver, Answering::Tcp)
            }
        }
    )*};
}

through_both! {
    bind_forward: bind(Style::Forward);
    bind_stub: bind(Style::Stub);
    bind_static_stub: bind(Style::StaticStub);
    unbound_forward: unbound(Style::Forward);
    unbound_stub: unbound(Style::Stub);
    dnsmasq: DNSMASQ;
    knot_resolver_forward: knot_resolver(Style::Forward);
    knot_resolver_stub: knot_resolver(Style::Stub);
    pdns_recursor: PDNS_RECURSOR;
    systemd_resolved: SYSTEMD_RESOLVED;
}

fn play(resolver: &Resolver, answering: Answering) -> Result<()> {
    // What BIND loads of a stub zone does not come from the fast path.
    let answering = match (answering, resolver.told) {
        (Answering::FastPath, (DnsServer::Bind, Style::Stub)) => Answering::BothPaths,
        (answering, _) => answering,
    };
    let mut play = Play::new(Plan { dns: resolver.told, answering, alone: false, ..Plan::cluster() })?;
    let mut outcome = || {
        play.live_set_is_delivered()?;
        play.negatives_are(&resolver.negatives)?;
        play.load_balancers_are_used(&resolver.choice)?;
        play.killed_server_goes()?;
        play.dead_load_balancer_is_survived(resolver.survives)?;
        play.negative_comes_from_the_cache()
    };
    outcome().with_context(|| play.scene.dns.log_tail())
}

struct Play {
    start: Instant,
    stub: Stub,
    upstream: Upstream,
    answering: Answering,
    scene: Scene,
}

impl Play {
    fn new(plan: Plan) -> Result<Self> {
        let start = Instant::now();
        let scene = Scene::build(Run::start()?, &plan, &|step| println!("{:8.3?} {step}", start.elapsed()))?;
        let balancing: Vec<_> =
            scene.servers.iter().take(plan.load_balancers).map(|server| server.address).collect();
        Ok(Self {
            start,
            stub: Stub::new(Arc::clone(&scene.viewer.namespace), scene.dns.address)?,
            upstream: Upstream::watch(Arc::clone(&scene.dns.namespace), &balancing)?,
            answering: plan.answering,
            scene,
        })
    }

    fn say(&self, what: &str) {
        println!("{:8.3?} {what}", self.start.elapsed());
    }

    fn live_set_is_delivered(&self) -> Result<()> {
        ensure!(self.addresses()? == self.scene.aliases(), "not all servers: {:?}", self.addresses()?);
        Ok(())
    }

    fn negatives_are(&self, expected: &Negatives) -> Result<()> {
        const QUESTIONS: u64 = 5;
        self.nothing(TYPE_AAAA)?;
        let before = self.upstream.count()?;
        for _ in 0..QUESTIONS {
            self.nothing(TYPE_AAAA)?;
        }
        let asked = self.upstream.count()?.since(&before).udp.iter().sum::<u64>();
        self.say(&format!("{QUESTIONS} more times AAAA: the load balancers were asked {asked} times"));
        let most = if *expected == Negatives::Kept { 0 } else { QUESTIONS + 1 };
        ensure!(asked <= most, "asked {asked} times for what is in the cache");
        Ok(())
    }

    fn load_balancers_are_used(&self, expected: &Choice) -> Result<()> {
        let (before, answered_before) = (self.upstream.count()?, self.answered_in_xdp()?);
        for kind in UNKNOWN_TYPES {
            self.nothing(kind)?;
        }
        let queries = u64::try_from(UNKNOWN_TYPES.len())?;
        let Count { udp, tcp } = self.upstream.count()?.since(&before);
        self.say(&format!("{queries} queries: the load balancers got {udp:?} over UDP and {tcp:?} over TCP"));
        ensure!(udp.iter().sum::<u64>() >= queries, "the cache was not asked for what it lacks");
        if self.answering == Answering::Tcp {
            ensure!(tcp.iter().sum::<u64>() > 0, "nothing went over TCP");
        } else {
            let answered: Vec<_> =
                self.answered_in_xdp()?.iter().zip(answered_before).map(|(now, then)| now - then).collect();
            ensure!(answered == udp, "XDP answered {answered:?} of {udp:?} queries");
        }
        ensure!(
            *expected == Choice::One || udp.iter().all(|count| *count > 0),
            "one load balancer was never asked"
        );
        Ok(())
    }

    fn killed_server_goes(&mut self) -> Result<()> {
        let killed = self.scene.servers.last_mut().context("there is no server")?;
        let (alias, since) = (killed.alias, killed.kill()?);
        let mut last = since;
        while last.elapsed() < SETTLED || last == since && since.elapsed() < GONE_WITHIN {
            let asked = Instant::now();
            if self.addresses()?.contains(&alias) {
                last = asked;
            }
            let too_long = GONE_WITHIN + CACHED + MARGIN;
            ensure!(last - since <= too_long, "a dead server is handed out after {:?}", last - since);
            thread::sleep(PAUSE);
        }
        self.say(&format!("a killed server was handed out for {:?}", last - since));
        Ok(())
    }

    /// The one that is asked most dies as a machine does: its cable is pulled.
    fn dead_load_balancer_is_survived(&mut self, at_most: Duration) -> Result<()> {
        let count = self.upstream.count()?;
        let (dead, _) = count.udp.iter().enumerate().max_by_key(|(_, count)| **count).context("none")?;
        let others = |scene: &Scene| -> Result<Vec<Ipv4Addr>> {
            let lost = scene.servers.get(dead).context("no such server")?.alias;
            let killed = scene.servers.last().context("there is no server")?.alias;
            Ok(scene.aliases().into_iter().filter(|alias| ![lost, killed].contains(alias)).collect())
        };
        let left = others(&self.scene)?;
        self.scene.load_balancers.get_mut(dead).context("no such load balancer")?.kill()?;
        self.scene.set_cable(dead, false)?;
        let since = Instant::now();
        let mut slowest = Duration::ZERO;
        loop {
            let (answer, took) = self.stub.ask(TYPE_A)?;
            slowest = slowest.max(took);
            if sorted(answer.addresses) == left {
                break;
            }
            let too_long = GONE_WITHIN + CACHED + at_most + MARGIN;
            ensure!(since.elapsed() < too_long, "what the dead one said is still handed out");
            thread::sleep(PAUSE);
        }
        let asked = self.upstream.count()?.since(&count).udp;
        let gone = since.elapsed();
        self.say(&format!(
            "load balancer {} died: no answer took longer than {slowest:?}; its own server was gone after {gone:?}; \
             asked were {asked:?}",
            dead + 1
        ));
        ensure!(slowest <= at_most, "an answer took {slowest:?}, which is more than {at_most:?}");
        Ok(())
    }

    fn negative_comes_from_the_cache(&self) -> Result<()> {
        self.nothing(TYPE_AAAA)?;
        self.upstream.stop()?;
        let took = self.nothing(TYPE_AAAA)?;
        ensure!(took < AT_ONCE, "it took {took:?} to answer from the cache");
        Ok(())
    }

    fn addresses(&self) -> Result<Vec<Ipv4Addr>> {
        Ok(sorted(self.stub.ask(TYPE_A)?.0.addresses))
    }

    /// Asks for records that are not there.
    fn nothing(&self, kind: u16) -> Result<Duration> {
        let (answer, took) = self.stub.ask(kind)?;
        ensure!(answer.addresses.is_empty(), "type {kind} has addresses");
        Ok(took)
    }

    fn answered_in_xdp(&self) -> Result<Vec<u64>> {
        match self.answering {
            Answering::Sockets | Answering::Tcp => Ok(Vec::new()),
            Answering::FastPath | Answering::BothPaths => {
                self.scene.load_balancers.iter().map(LoadBalancer::answers).collect()
            }
        }
    }
}

fn sorted(mut addresses: Vec<Ipv4Addr>) -> Vec<Ipv4Addr> {
    addresses.sort();
    addresses
}
