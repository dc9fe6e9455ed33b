//! Names of clusters, servers and views.

use super::*;

#[test]
fn names() {
    rows(&[
        (
            r#""tgpro-9""#,
            r#""tg pro""#,
            &[r#"21:8: `name`: "tg pro" is no name: write a-z, 0-9, '-' or '_' in place of ' '"#],
        ),
        (
            r#""tgpro-9""#,
            r#""""#,
            &[r#"21:8: `name`: "" is no name: a label is empty; write at least one character"#],
        ),
        (
            r#""tgpro-9""#,
            r#""-tgpro""#,
            &[r#"21:8: `name`: "-tgpro" is no name: a label starts or ends with '-'; take it away"#],
        ),
        (
            r#""internet.intern.netz""#,
            r#""internet..netz""#,
            &[
                r#"9:8: `name`: "internet..netz" is no DNS name: a label is empty; write at least one character"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""10.1.1.1""#,
            &[r#"9:8: `name`: "10.1.1.1" is an address: a cluster's name is the DNS name it serves"#],
        ),
        (
            r#""internet.intern.netz""#,
            r#""büro.netz""#,
            &[
                r#"9:8: `name`: "büro.netz" is no DNS name: write a-z, 0-9, '-' or '_' in place of 'ü'; international names have an xn-- form"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz""#,
            &[
                r#"9:8: `name`: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz" is no DNS name: a label has 64 characters; at most 63 are allowed"#,
            ],
        ),
        (
            r#""internet.intern.netz""#,
            r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz""#,
            &[
                r#"9:8: `name`: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.netz" takes 65 bytes on the wire, but the fast path compares names of at most 64: use a name of at most 62 characters"#,
            ],
        ),
        (
            r#""lan""#,
            r#""default""#,
            &[r#"6:8: the view name "default" stands for the clients in no view: use another name"#],
        ),
        (
            r#""eth0""#,
            r#""a-name-too-long-""#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not "a-name-too-long-""#,
            ],
        ),
        (
            r#""eth0""#,
            r#""eth 0""#,
            &[
                r#"1:15: each of `interfaces` must be an interface's name in quotes, such as "eth0" (1 to 15 bytes, no space, slash or colon), not "eth 0""#,
            ],
        ),
    ]);
}

#[test]
fn one_name_twice() {
    rows(&[
        (r#""eth0""#, r#""eth0", "eth0""#, &[r#"1:23: interface "eth0" is listed twice: take one away"#]),
        (
            r#""0.0.0.0:53""#,
            r#""0.0.0.0:53", "0.0.0.0:53""#,
            &["4:25: 0.0.0.0:53 is listed twice: take one away"],
        ),
        (
            "[[cluster]]",
            "[[view]]\nname = \"LAN\"\nclients = [\"10.0.0.0/8\"]\n[[cluster]]",
            &[r#"9:8: view "lan" is there already (line 6): use another name"#],
        ),
        (
            "[[cluster]]",
            "[[view]]\nname = \"vpn\"\nclients = [\"10.0.0.0/8\", \"192.168.0.0/16\"]\n[[cluster]]",
            &[
                r#"10:26: 192.168.0.0/16 belongs to view "lan" already (line 7): a client can be in one view only"#,
            ],
        ),
        (
            r#""192.168.0.0/16""#,
            r#""192.168.0.0/16", "192.168.0.0/16""#,
            &["7:30: 192.168.0.0/16 is there already (line 7): take one away"],
        ),
        (
            "[[cluster.server]]",
            "[[cluster.part]]\nname = \"internet\"\nfirst = \"10.10.9.102\"\ncount = 2\n[[cluster.server]]",
            &[r#"21:8: server "internet-1" is there already (line 16): give this part another `name`"#],
        ),
        (
            "count = 3",
            "count = 3\nname = \"a\"\n[[cluster.part]]\nname = \"a\"\nfirst = \"10.10.9.102\"\ncount = 2",
            &[r#"21:8: part "a" is there already (line 19): use another name"#],
        ),
        (
            "[[cluster.server]]",
            "[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.11.10\"\n[[cluster.server]]",
            &[r#"24:8: server "tgpro-9" is there already (line 21): use another name"#],
        ),
        (
            "\nalias = \"192.168.7.9\"\n",
            "\nalias = \"192.168.7.9\"\n[[cluster]]\nname = \"Internet.intern.netz.\"\nprobe.port = 443\n[[cluster.part]]\nfirst = \"10.10.10.100\"\ncount = 3\n",
            &[
                r#"25:8: cluster "internet.intern.netz" is there already (line 9): give all its servers there"#,
            ],
        ),
        (
            "\nalias = \"192.168.7.9\"\n",
            "\nalias = \"192.168.7.9\"\n[[cluster]]\nname = \"other.intern.netz\"\nprobe.port = 443\n[[cluster.server]]\nname = \"tgpro-9\"\naddress = \"10.10.10.100\"\n",
            &[r#"28:8: server "tgpro-9" is there already (line 21): use another name"#],
        ),
    ]);
}
