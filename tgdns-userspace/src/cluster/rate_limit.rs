//! How often the clients of one network are answered over UDP.

use ipnet::IpNet;

/// Defaults are those of NSD (200 in a second, slip 2, /24), and of BIND and Windows for IPv6 (/56).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Of one network; as many may come at once.
    pub responses_per_second: u32,
    /// Of so many queries over the limit one is told to ask over TCP; 0 for none.
    pub slip: u8,
    /// The bits of an address that tell a client's network.
    pub ipv4_prefix: u8,
    pub ipv6_prefix: u8,
    /// Networks that are never limited, such as the organisation's own forwarders.
    pub exempt: Vec<IpNet>,
    /// Nor are private ones (`tgdns_common::rate::is_private`): their addresses reach a host from inside alone.
    pub exempt_private: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            responses_per_second: 200,
            slip: 2,
            ipv4_prefix: 24,
            ipv6_prefix: 56,
            exempt: Vec::new(),
            exempt_private: true,
        }
    }
}
