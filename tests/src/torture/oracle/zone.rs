//! What all of them serve: the table set `oracle`, and the same for the peers, in the words of RFC 1035.

/// Of the table set.
pub(super) const IDENTITY: &str = "lb1";
pub(super) const VERSION: &str = "tgdns";

/// The zones by their names. The first one delegates what lies within it, or a peer would not know that there is a
/// name in between.
pub(super) const ZONES: [(&str, &str); 3] = [
    (
        "internet.intern.netz",
        "$ORIGIN internet.intern.netz.
@ 5 IN SOA server-1 hostmaster 1 1200 180 1209600 5
@ 3600 IN NS server-1
@ 3600 IN NS server-2
@ 1 IN A 192.168.1.100
@ 1 IN A 192.168.1.101
@ 1 IN A 192.168.1.102
@ 1 IN AAAA fd00::100
@ 1 IN AAAA fd00::101
@ 1 IN AAAA fd00::102
server-1 3600 IN A 192.168.1.100
server-1 3600 IN AAAA fd00::100
server-2 3600 IN A 192.168.1.101
server-2 3600 IN AAAA fd00::101
deep.empty 3600 IN NS server-1.deep.empty
server-1.deep.empty 3600 IN A 10.10.50.1
",
    ),
    (
        "six.intern.netz",
        "$ORIGIN six.intern.netz.
@ 5 IN SOA server-1 hostmaster 1 1200 180 1209600 5
@ 3600 IN NS server-1
@ 3600 IN NS server-2
@ 300 IN AAAA fd00::10
@ 300 IN AAAA fd00::11
server-1 3600 IN AAAA fd00::10
server-2 3600 IN AAAA fd00::11
",
    ),
    (
        "deep.empty.internet.intern.netz",
        "$ORIGIN deep.empty.internet.intern.netz.
@ 5 IN SOA server-1 hostmaster 1 1200 180 1209600 5
@ 3600 IN NS server-1
@ 1 IN A 10.10.50.1
server-1 3600 IN A 10.10.50.1
",
    ),
];
