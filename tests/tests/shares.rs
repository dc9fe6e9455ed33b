//! Shares in the kernel: who is told how often over a million answers, and whom the loss of a server moves.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tests::vectors::{action::TX, checksum, frame::Frame, message::Message};
use tgdns::{
    cluster::{Answer, Model, Select},
    config,
    image::Image,
    netlink::ServiceAddress,
    publish,
    selection::{Chosen, Rule, shares::shares},
    xdp::Program,
};

const ANSWERS: u32 = 1_000_000;

/// Where an IPv4 frame without tags has its source address, its IP checksum, and its message.
const SOURCE: usize = 26;
const IP_CHECKSUM: usize = 24;
const UDP_CHECKSUM: usize = 40;
const MESSAGE: usize = 42;

/// Of the chi-square distribution with that many degrees of freedom: exceeded in one of a thousand runs of a true die.
const CRITICAL: [f64; 8] = [0.0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32];

#[test]
fn one_address_by_weight() -> Result<()> {
    chi_square("\"one\"", Answer::One, &[1, 2, 0, 3, 10, 84])
}

#[test]
fn all_addresses_the_first_by_weight() -> Result<()> {
    chi_square("\"all\"", Answer::All, &[1, 7, 13])
}

#[test]
fn subsets_by_weight() -> Result<()> {
    chi_square("{ subset = 3 }", Answer::Subset(3), &[1, 2, 0, 3, 4, 5, 30])
}

/// Every stretch of answers is shared out by the weights, not only a long one.
#[test]
fn short_stretches_are_shared_out_as_well() -> Result<()> {
    let mut kernel = Kernel::new("answer = \"one\"", &[1, 2, 3, 4])?;
    for _ in 0..20 {
        let mut counts = [0_u32; 4];
        for _ in 0..1000 {
            counts[kernel.ask(None)?[0]] += 1;
        }
        for (server, count) in counts.iter().enumerate() {
            ensure!(count.abs_diff(100 * (server as u32 + 1)) < 20, "{counts:?}");
        }
    }
    Ok(())
}

/// Whoever was told another server is told the same one; whoever was told the lost one is told others by their weights.
#[test]
fn losing_a_server_moves_its_own_clients_alone() -> Result<()> {
    for (answer, size) in [("\"one\"", 1), ("{ subset = 2 }", 2)] {
        let weights = [1, 1, 2, 1, 1, 2, 1, 1];
        let mut kernel = Kernel::new(&format!("answer = {answer}\nselect = \"sticky\""), &weights)?;
        let clients: Vec<Ipv4Addr> =
            (0..ANSWERS / 8).map(|number| (0x0a01_0000 + number * 7).into()).collect();
        let before: Vec<Vec<usize>> =
            clients.iter().map(|client| kernel.ask(Some(*client))).collect::<Result<_>>()?;
        const LOST: usize = 2;
        let mut without = weights;
        without[LOST] = 0;
        kernel.publish(&without)?;
        let (mut had, mut moved) = (0, 0);
        for (client, before) in clients.iter().zip(&before) {
            let after = kernel.ask(Some(*client))?;
            ensure!(after.len() == size && !after.contains(&LOST), "{client}: {after:?}");
            had += usize::from(before.contains(&LOST));
            moved += usize::from(*before != after);
        }
        ensure!(moved == had, "{moved} of {} moved, and {had} had the lost one", clients.len());
        let share = moved as f64 / clients.len() as f64;
        println!("{answer}: {:.2} % of the clients moved", share * 100.0);
        // A subset has the lost server where it comes first or second; 1,024 buckets share out to a tenth of a share.
        let own = 0.2 * size as f64;
        ensure!(share > own * 0.6 && share < own * 1.2, "{share} of the clients moved");
        for _ in 0..3 {
            ensure!(
                kernel.ask(clients.first().copied())? == kernel.ask(clients.first().copied())?,
                "not sticky"
            );
        }
    }
    Ok(())
}

/// Asks as often, and compares who was told (or was told first, where all are) with what the weights say.
fn chi_square(answer: &str, size: Answer, weights: &[u32]) -> Result<()> {
    let mut kernel = Kernel::new(&format!("answer = {answer}"), weights)?;
    let mut counts = vec![0_u32; weights.len()];
    for _ in 0..ANSWERS {
        let told = kernel.ask(None)?;
        let counted = if size == Answer::All { &told[..1] } else { &told[..] };
        for server in counted {
            counts[*server] += 1;
        }
    }
    let (mut statistic, mut degrees) = (0.0, 0_usize);
    for (count, share) in counts.iter().zip(shares(weights, size, Select::Weighted)) {
        let expected = share * f64::from(ANSWERS);
        ensure!((*count == 0) == (share == 0.0), "{counts:?}: a share of {share}");
        if share > 0.0 && share < 1.0 {
            statistic += (f64::from(*count) - expected).powi(2) / expected;
            degrees += 1;
        } else {
            ensure!(f64::from(*count) == expected, "{counts:?}: a share of {share}");
        }
    }
    println!("{answer} of {weights:?}: {counts:?}, chi-square {statistic:.3}");
    let critical = CRITICAL[degrees - 1];
    ensure!(statistic < critical, "chi-square {statistic:.2} of {critical}: {counts:?}");
    Ok(())
}

/// The program in the kernel with one cluster, and a query for it.
struct Kernel {
    program: Program,
    model: Model,
    query: Vec<u8>,
    servers: BTreeMap<[u8; 4], usize>,
}

impl Kernel {
    fn new(policy: &str, weights: &[u32]) -> Result<Self> {
        let servers: String = (0..weights.len())
            .map(|server| {
                let weight = weights[server];
                format!(
                    "[[cluster.server]]\nname = \"s-{server}\"\naddress = \"10.0.0.{}\"\nweight = {weight}\n",
                    server + 1
                )
            })
            .collect();
        let text = format!(
            "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"internet.intern.netz\"\n{policy}\n\
             probe = {{ type = \"tcp\", port = 1 }}\n{servers}"
        );
        let model = config::parse(&text, "shares.toml")?;
        let servers = (0..weights.len()).map(|server| ([10, 0, 0, server as u8 + 1], server)).collect();
        let frame = Frame { message: Message::default(), ..Frame::default() };
        let mut kernel = Self { program: Program::load(None)?, model, query: frame.build()?, servers };
        kernel.query[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
        kernel.program.beat(Duration::from_secs(86_400))?;
        kernel.publish(weights)?;
        Ok(kernel)
    }

    fn publish(&mut self, weights: &[u32]) -> Result<()> {
        let service = ServiceAddress {
            interface: "eth0".into(),
            interface_index: 2,
            mac: [2, 0, 0, 0, 0, 0x53],
            vlan_tags: vec![],
            address: [192, 0, 2, 53].into(),
        };
        let chosen = Chosen::new(Rule::Live, weights.to_vec());
        let image: Image = publish::image(
            &self.model,
            &publish::prefixes(&self.model),
            &[chosen],
            &[service].into(),
            &[],
            &[],
        );
        self.program.publish(&image)?;
        Ok(())
    }

    /// The servers that a client is told.
    fn ask(&mut self, client: Option<Ipv4Addr>) -> Result<Vec<usize>> {
        if let Some(client) = client {
            self.query[SOURCE..SOURCE + 4].copy_from_slice(&client.octets());
            self.query[IP_CHECKSUM..IP_CHECKSUM + 2].fill(0);
            let sum = !checksum::sum(&[&self.query[14..34]]);
            self.query[IP_CHECKSUM..IP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let (action, reply) = self.program.test_run(&self.query, 1)?;
        ensure!(action == TX, "not answered: action {action}");
        let count = usize::from(u16::from_be_bytes([reply[MESSAGE + 6], reply[MESSAGE + 7]]));
        let records = reply.get(self.query.len()..).context("a reply without records")?;
        records
            .chunks_exact(16)
            .take(count)
            .map(|record| self.servers.get(&record[12..]).copied().context("an address of no server"))
            .collect()
    }
}
