//! What is counted, per CPU: each kind of answer, and each reason for none.

use bytemuck::{Pod, Zeroable};

use crate::reason::Reason;

/// The kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    /// IPv4 addresses.
    pub const A: Self = Self(0);
    /// IPv6 addresses.
    pub const AAAA: Self = Self(1);
    /// The name exists without data of that type: the SOA in the authority section (RFC 2308 3).
    pub const NO_DATA: Self = Self(2);
    /// The SOA itself.
    pub const SOA: Self = Self(3);

    pub const COUNT: u8 = 4;
}

/// An index into `Counters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub u8);

impl Counter {
    /// An answer of any kind while no server is live, or too few are.
    pub const WITHOUT_LIVE: Self = Self(Kind::COUNT);
    /// An answer of any kind while the controller is not heard of.
    pub const STALE: Self = Self(Kind::COUNT + 1);
    /// No answer but TC, for a client over the limit.
    pub const SLIPPED: Self = Self(Kind::COUNT + 2);

    pub const COUNT: usize = size_of::<Counters>() / size_of::<u64>();
}

impl From<Kind> for Counter {
    #[inline(always)]
    fn from(kind: Kind) -> Self {
        Self(kind.0)
    }
}

impl From<Reason> for Counter {
    #[inline(always)]
    fn from(reason: Reason) -> Self {
        Self(Self::SLIPPED.0 + 1 + reason as u8)
    }
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// The one value of the map `COUNTERS`, on each CPU. Numbers are in the machine's byte order, so that
        /// `bpftool map dump` prints them as numbers; the fields stand in the order of `Counter`.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
        pub struct Counters { $(pub $name: u64,)+ }

        impl Counters {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)+];
        }
    };
}

counters! {
    answered_a, answered_aaaa, answered_nodata, answered_soa, answered_without_live, answered_stale, slipped,
    truncated, not_ip, not_udp, not_dns, fragment, ip_options, ipv6_extension, ip_checksum, not_our_address,
    source_mac, source_address, source_port, response, udp_checksum, no_udp_checksum, opcode, header_flags, counts,
    too_long, malformed_name, trailing_bytes, malformed_opt, edns_version, edns_option, class, meta_type, unknown_name, name_servers,
    stale, rate_limited, no_room, write,
}

impl Counters {
    /// The counters in the order of `NAMES`.
    pub fn values(&self) -> &[u64] {
        bytemuck::cast_slice(core::slice::from_ref(self))
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> &mut [u64] {
        bytemuck::cast_slice_mut(core::slice::from_mut(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_counter_of_its_name() {
        assert_eq!(Counters::NAMES.len(), usize::from(Kind::COUNT) + 3 + Reason::ALL.len());
        assert_eq!(Counters::NAMES[usize::from(Counter::WITHOUT_LIVE.0)], "answered_without_live");
        assert_eq!(Counters::NAMES[usize::from(Counter::STALE.0)], "answered_stale");
        assert_eq!(Counters::NAMES[usize::from(Counter::SLIPPED.0)], "slipped");
        for reason in Reason::ALL {
            assert_eq!(Counters::NAMES[usize::from(Counter::from(*reason).0)], reason.as_str());
        }
        assert_eq!(Counter::COUNT, Counters::NAMES.len());
    }

    #[test]
    fn every_kind_has_a_counter() {
        for (kind, name) in [
            (Kind::A, "answered_a"),
            (Kind::AAAA, "answered_aaaa"),
            (Kind::NO_DATA, "answered_nodata"),
            (Kind::SOA, "answered_soa"),
        ] {
            assert_eq!(Counters::NAMES[usize::from(Counter::from(kind).0)], name);
        }
    }
}
