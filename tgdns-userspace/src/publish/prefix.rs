//! The clients' prefixes, IPv4 and IPv6 in one table.

use std::{net::Ipv6Addr, sync::Arc};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tgdns_common::tables;

use super::services::mapped;
use crate::{
    cluster::{DefaultView, Model},
    image::{Prefix, Prefixes},
};

/// The prefixes of all views, and those of the rest of the clients where these are in a view, too.
pub fn prefixes(model: &Model) -> Arc<Prefixes> {
    let views = (1..).zip(&model.views);
    let mut all: Vec<(IpNet, u32)> =
        views.flat_map(|(view, of)| of.clients.iter().map(move |clients| (*clients, view))).collect();
    let default = match model.default_view {
        DefaultView::View(view) => view,
        DefaultView::Own | DefaultView::NoData | DefaultView::Refused => tables::DEFAULT_VIEW,
    };
    let is_own = default == tables::DEFAULT_VIEW;
    let has = |all: &[(IpNet, u32)], prefix: IpNet| all.iter().any(|(clients, _)| *clients == prefix);
    // IPv4 lies within IPv6 in the table: where a prefix is around it, IPv4 clients are not meant.
    let surrounds = |clients: &IpNet| matches!(clients, IpNet::V6(v6) if v6.contains(&MAPPED_IPV4));
    let v4 = IpNet::V4(Ipv4Net::default());
    if !has(&all, v4) && (!is_own || all.iter().any(|(clients, _)| surrounds(clients))) {
        all.push((v4, default));
    }
    let v6 = IpNet::V6(Ipv6Net::default());
    if !has(&all, v6) && !is_own {
        all.push((v6, default));
    }
    Arc::new(Prefixes::new(all.into_iter().map(|(clients, view)| in_table(clients, view)).collect()))
}

/// Of an IPv4 address within IPv6.
const MAPPED_IPV4: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);

fn in_table(clients: IpNet, view: u32) -> Prefix {
    let length = match clients {
        IpNet::V4(clients) => clients.prefix_len() + 96,
        IpNet::V6(clients) => clients.prefix_len(),
    };
    Prefix { address: mapped(clients.network()), length, view }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{net::IpAddr, time::Instant};

    use fastrand::Rng;
    use tgdns_common::tables::{Address, Tables as _};

    use super::*;
    use crate::{cluster::View, config, image::Image};

    fn model(views: &[&[&str]], default_view: DefaultView) -> Model {
        let text = "interfaces = [\"eth0\"]\n[[cluster]]\nname = \"c.netz\"\nprobe.port = 443\n\
                    server = [{ name = \"a\", address = \"10.0.0.1\" }]";
        let mut model = config::parse(text, "F").unwrap();
        let view = |clients: &&[&str]| View {
            name: "a view".to_owned(),
            clients: clients.iter().map(|clients| clients.parse().unwrap()).collect(),
        };
        model.views = views.iter().map(view).collect();
        model.default_view = default_view;
        model
    }

    fn view_of(image: &Image, client: IpAddr) -> u32 {
        let client = match client {
            IpAddr::V4(client) => Address::from_ipv4(client.octets()),
            IpAddr::V6(client) => Address::from_ipv6(client.octets()),
        };
        image.view(client, 0)
    }

    #[track_caller]
    fn check(views: &[&[&str]], default_view: DefaultView, expected: [u32; 2]) {
        let image = Image { prefixes: prefixes(&model(views, default_view)), ..Image::default() };
        let told = ["192.0.2.1", "2001:db8::1"].map(|client| view_of(&image, client.parse().unwrap()));
        assert_eq!(told, expected, "{views:?}, {default_view:?}");
    }

    /// An IPv4 and an IPv6 client.
    #[test]
    fn clients_in_no_view() {
        for same in [DefaultView::Own, DefaultView::NoData, DefaultView::Refused] {
            check(&[&["10.0.0.0/8"]], same, [0, 0]);
            check(&[&["0.0.0.0/0"]], same, [1, 0]);
            // All of IPv6 is no IPv4.
            check(&[&["::/0"]], same, [0, 1]);
            check(&[&["::/0"], &["0.0.0.0/0"]], same, [2, 1]);
        }
        for default in [1, 2] {
            let view = DefaultView::View(default);
            check(&[&["10.0.0.0/8"], &["fd00::/8"]], view, [default, default]);
            check(&[&["0.0.0.0/0"], &["fd00::/8"]], view, [1, default]);
            check(&[&["::/0"], &["fd00::/8"]], view, [default, 1]);
            check(&[&["192.0.2.0/24"], &["2001:db8::/32"]], view, [1, 2]);
        }
    }

    /// The longest prefix wins, against a walk over all of them; and the look-up is no walk.
    #[test]
    fn ten_thousand_prefixes() {
        let mut random = Rng::with_seed(0x7467_646e_7321);
        let mut model = model(&[&[], &[], &[], &[]], DefaultView::Own);
        let mut all: Vec<(IpNet, usize)> = Vec::new();
        while all.len() < 10_000 {
            // Nested as often as not.
            let within = random.choice(&all).filter(|_| random.bool()).map(|(prefix, _)| prefix.addr());
            let (address, most) = match within.unwrap_or_else(|| any_address(&mut random)) {
                IpAddr::V4(v4) => {
                    (IpAddr::V4((u32::from(v4) ^ random.u32(..) >> random.u8(8..32)).into()), 32)
                }
                IpAddr::V6(v6) => {
                    (IpAddr::V6((u128::from(v6) ^ random.u128(..) >> random.u8(16..128)).into()), 128)
                }
            };
            let prefix = IpNet::new(address, random.u8(6..=most)).unwrap().trunc();
            if !all.iter().any(|(other, _)| *other == prefix) {
                let view = random.usize(0..4);
                all.push((prefix, view));
                model.views[view].clients.push(prefix);
            }
        }
        let start = Instant::now();
        let image = Image { prefixes: prefixes(&model), ..Image::default() };
        println!("{:?} to build", start.elapsed());
        let clients: Vec<IpAddr> = (0..20_000)
            .map(|turn| match (turn % 3, random.choice(&all)) {
                (0, Some((prefix, _))) => prefix.network(),
                (1, Some((prefix, _))) => prefix.broadcast(),
                _ => any_address(&mut random),
            })
            .collect();
        let walked = |client: &IpAddr| {
            let holding = all.iter().filter(|(prefix, _)| prefix.contains(client));
            holding.max_by_key(|(prefix, _)| prefix.prefix_len()).map_or(0, |(_, view)| *view as u32 + 1)
        };
        let start = Instant::now();
        let found: Vec<u32> = clients.iter().map(|client| view_of(&image, *client)).collect();
        let fast = start.elapsed();
        let start = Instant::now();
        let expected: Vec<u32> = clients.iter().map(walked).collect();
        let slow = start.elapsed();
        assert_eq!(found, expected);
        assert!((0..=4).all(|view| found.contains(&view)));
        println!("{fast:?} for {} look-ups, {slow:?} by a walk", clients.len());
        assert!(fast * 10 < slow, "{fast:?} against {slow:?}");
    }

    fn any_address(random: &mut Rng) -> IpAddr {
        match random.bool() {
            true => IpAddr::V4(random.u32(..).into()),
            false => IpAddr::V6(random.u128(..).into()),
        }
    }
}
