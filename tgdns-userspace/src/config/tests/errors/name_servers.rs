//! A cluster's name servers, and what they and the zone have room for.

use super::*;

#[test]
fn name_servers() {
    rows(&[
        (
            "ttl = 1\n",
            "nameservers = []\n",
            &["10:15: `nameservers` is empty: name the servers that are load balancers, or take it away"],
        ),
        (
            "ttl = 1\n",
            "nameservers = [\"lb1\"]\n",
            &[
                "10:16: this cluster has no server \"lb1\": name a server, or describe another machine in [[cluster.nameserver]]",
            ],
        ),
        (
            "ttl = 1\n",
            "nameservers = [\"internet-1\", \"internet-1\"]\n",
            &["10:30: name server \"internet-1\" is there already (line 10): take one away"],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ name = \"lb1\" }]\n",
            &["10:15: `address` is missing: give the load balancer's own address"],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ address = \"10.10.10.9\" }]\n",
            &["10:15: `name` is missing: name the load balancer, such as \"lb1\""],
        ),
        (
            "ttl = 1\n",
            "nameserver = [{ name = \"internet-1\", address = \"10.10.10.9\" }]\n",
            &[
                "10:24: \"internet-1\" is a server of the cluster: list it in `nameservers`, or give this machine another name",
            ],
        ),
    ]);
}

/// Servers and load balancers are names in the zone, and all of the latter go into one message.
#[test]
fn names_and_numbers_of_the_zone() {
    let stem = "x".repeat(61);
    let part = |stem: &str, count: u32| format!("name = \"{stem}\"\ncount = {count}\n");
    assert_eq!(mistakes(&changed("count = 3\n", &part(&stem, 9))), Vec::<String>::new());
    let longest = format!("{stem}-10");
    check(
        &changed("count = 3\n", &part(&stem, 10)),
        &[&format!(
            "18:8: its servers are called up to \"{longest}\", and a name has at most 63 characters: give this part a \
             shorter `name`, of at most 60 characters"
        )],
    );
    let many = |count: usize| {
        let each =
            (1..=count).map(|index| format!("{{ name = \"lb{index}\", address = \"10.9.9.{index}\" }}"));
        changed("ttl = 1\n", &format!("nameserver = [{}]\n", each.collect::<Vec<_>>().join(", ")))
    };
    assert_eq!(mistakes(&many(13)), Vec::<String>::new());
    check(&many(14), &["10:14: 14 name servers are more than the 13 that a zone can have: list fewer"]);
    let aliases = (1..=9).map(|index| format!("\"192.168.9.{index}\"")).collect::<Vec<_>>().join(", ");
    let machine =
        format!("nameserver = [{{ name = \"lb1\", address = \"10.9.9.9\", alias = [{aliases}] }}]\n");
    check(
        &changed("ttl = 1\n", &machine),
        &["10:61: 9 addresses are more than the 8 that a name server can have: give fewer"],
    );
}
