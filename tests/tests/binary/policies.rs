//! Who is chosen, as clients on the wire are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    backends::{Backends, address, cluster},
    host::{Host, IPV4, Setup},
    question::Client,
};

const SERVERS: usize = 4;
const QUESTIONS: usize = 800;
/// What a share may be off: turns are counted by each processor, and servers' by columns.
const OFF: usize = 60;

fn start(clusters: &str) -> Result<(Host, Backends)> {
    let mut host = Host::new(&Setup { clusters, ..Setup::default() })?;
    let backends = Backends::start(&host, SERVERS)?;
    host.launch()?;
    Ok((host, backends))
}

fn all() -> Vec<IpAddr> {
    (0..SERVERS).map(|place| address(place).into()).collect()
}

/// How often each server is told, by its place, and how many are at a time.
fn count(client: &Client, name: &str) -> Result<(Vec<usize>, BTreeSet<usize>)> {
    let (mut counts, mut sizes) = (vec![0; SERVERS], BTreeSet::new());
    for _ in 0..QUESTIONS {
        let told = client.in_order(name)?;
        ensure!(told.iter().collect::<BTreeSet<_>>().len() == told.len(), "{told:?}");
        sizes.insert(told.len());
        for address in told {
            let place = all().iter().position(|server| *server == address);
            counts[place.with_context(|| format!("{address} is no server's"))?] += 1;
        }
    }
    Ok((counts, sizes))
}

fn ensure_near(name: &str, counts: &[usize], expected: [usize; SERVERS]) -> Result<()> {
    let is_near = |(count, expected): (&usize, usize)| match expected {
        0 => *count == 0,
        _ => count.abs_diff(expected) <= OFF,
    };
    ensure!(counts.iter().zip(expected).all(is_near), "{name}: {counts:?}, not {expected:?}");
    Ok(())
}

#[test]
fn answers_have_their_size_and_servers_their_share() -> Result<()> {
    let weights = ["weight = 1", "weight = 2", "weight = 5", "weight = 0"];
    let equal = [""; SERVERS];
    let clusters = [
        cluster("one", "answer = \"one\"", &equal),
        cluster("subset", "answer = { subset = 3 }", &equal),
        cluster("rotate", "answer = \"one\"\nselect = \"rotate\"", &weights),
        cluster("weighted", "answer = \"one\"", &weights),
    ];
    let (host, _backends) = start(&clusters.concat())?;
    let client = host.client("10.10.10.10", IPV4)?;
    for (name, size, shares) in [
        ("one.netz", 1, [200; SERVERS]),
        ("subset.netz", 3, [600; SERVERS]),
        // A weight of 0 is meant whatever the policy.
        ("rotate.netz", 1, [267, 267, 267, 0]),
        ("weighted.netz", 1, [100, 200, 500, 0]),
    ] {
        client.wait_for(name, |answer| answer.answers.len() == size)?;
        wait_for_all(&client, name, &shares)?;
        let (counts, sizes) = count(&client, name)?;
        assert_eq!(sizes, [size].into(), "{name}");
        ensure_near(name, &counts, shares).with_context(|| host.log())?;
    }
    Ok(())
}

/// Until each server with a share has been told once: all of them are up then.
fn wait_for_all(client: &Client, name: &str, shares: &[usize]) -> Result<()> {
    for (place, _) in shares.iter().enumerate().filter(|(_, share)| **share > 0) {
        let server = IpAddr::from(address(place));
        client.wait_for(name, |answer| crate::question::addresses(answer).contains(&server))?;
    }
    Ok(())
}

#[test]
fn all_are_told_and_the_first_by_weight() -> Result<()> {
    let weights = ["weight = 1", "weight = 2", "weight = 5", "weight = 0"];
    let (host, _backends) = start(&cluster("all", "answer = \"all\"", &weights))?;
    let client = host.client("10.10.10.10", IPV4)?;
    client.wait_for_addresses("all.netz", &all()[..3])?;
    let mut firsts = vec![0; SERVERS];
    for _ in 0..QUESTIONS {
        let told = client.in_order("all.netz")?;
        let set: BTreeSet<_> = told.iter().copied().collect();
        assert_eq!(set, all().into_iter().take(3).collect());
        let first = told.first().and_then(|first| all().iter().position(|server| server == first));
        firsts[first.context("an empty answer")?] += 1;
    }
    ensure_near("all.netz", &firsts, [100, 200, 500, 0])
}

/// Each client stays with its server while that lives, and returns to it; no other one moves.
#[test]
fn sticky_clients_stay() -> Result<()> {
    let (mut host, mut backends) =
        start(&cluster("sticky", "answer = \"one\"\nselect = \"sticky\"", &[""; SERVERS]))?;
    let addresses: Vec<String> = (0..16).map(|place| address(place).to_string()).collect();
    let clients: Vec<Client> = addresses.iter().map(|from| host.client(from, IPV4)).collect::<Result<_>>()?;
    let told = |client: &Client| -> Result<IpAddr> {
        let told = client.in_order("sticky.netz")?;
        let [server] = told[..] else { anyhow::bail!("one is to be told, not {told:?}") };
        Ok(server)
    };
    let tell = || clients.iter().map(told).collect::<Result<Vec<_>>>();
    // By status, for who is told what is yet to be seen.
    host.wait_until_live(SERVERS)?;
    let before = tell()?;
    for _ in 0..20 {
        assert_eq!(tell()?, before, "nobody moves while nothing changes");
    }
    let shared: BTreeMap<IpAddr, usize> = before.iter().fold(BTreeMap::new(), |mut counts, server| {
        *counts.entry(*server).or_default() += 1;
        counts
    });
    ensure!(shared.len() > 1, "16 clients share {shared:?}");

    let lost = all().iter().position(|server| *server == before[0]).context("no such server")?;
    backends.close(lost)?;
    clients[0].wait_for("sticky.netz", |answer| {
        let told = crate::question::addresses(answer);
        told.len() == 1 && told[0] != before[0]
    })?;
    for (before, after) in before.iter().zip(tell()?) {
        if *before == all()[lost] {
            ensure!(after != *before, "{after} is dead");
        } else {
            ensure!(after == *before, "{before} lives, and its client was moved to {after}");
        }
    }
    backends.open(&host, lost)?;
    clients[0].wait_for_addresses("sticky.netz", &before[..1])?;
    assert_eq!(tell()?, before, "all are back");
    Ok(())
}
