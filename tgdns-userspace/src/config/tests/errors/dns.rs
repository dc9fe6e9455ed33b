//! The table `[dns]`.

use super::*;

#[test]
fn tcp_limits() {
    rows(&[
        (
            "[dns]\n",
            "[dns]\ntcp_connections = 0\ntcp_connections_per_client = 100001\ntcp_idle_timeout = \"99ms\"\n",
            &[
                "4:19: `tcp_connections` must be a whole number from 1 to 100000, not 0",
                "5:30: `tcp_connections_per_client` must be a whole number from 1 to 100000, not 100001",
                r#"6:20: `tcp_idle_timeout` must be a duration in quotes from "100ms" to "1h", such as "500ms", not "99ms""#,
            ],
        ),
        (
            "[dns]\n",
            "[dns]\ntcp_connections_per_client = 60\ntcp_connections = 50\n",
            &[
                "4:30: `tcp_connections_per_client` (60) is more than `tcp_connections` (50): lower it, or raise `tcp_connections`",
            ],
        ),
        // What the total was meant to be is not known.
        (
            "[dns]\n",
            "[dns]\ntcp_connections_per_client = 60\ntcp_connections = 0\n",
            &["5:19: `tcp_connections` must be a whole number from 1 to 100000, not 0"],
        ),
        (
            "[dns]\n",
            "[dns]\ntcp_connection = 5\n",
            &["4:1: `tcp_connection` is no known key: did you mean `tcp_connections`?"],
        ),
    ]);
}
