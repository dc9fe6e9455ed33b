//! Response rate limiting: how often the clients of one network are answered over UDP, where sources can be forged.
//!
//! Each network has a bucket that its hash finds in a fixed table, so a flood from any number of sources takes no memory. A bucket
//! holds when the network's next answer is due if all come evenly (the generic cell rate algorithm, ITU-T I.371), and whose it
//! is. It goes to another network only when nothing is owed to it: nobody is limited for what others ask, and who asks
//! too often can't get rid of a bucket. Who finds a bucket in use by others is answered and not counted.
//!
//! Clients of private networks are let off by their addresses alone, before anything is looked up, unless it is configured otherwise.

use bytemuck::{Pod, Zeroable};

use crate::tables::{Address, limited};

/// Buckets of the table.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 16;
/// Networks that are never limited.
pub const MOST_EXEMPT: usize = 32;
/// Bits of a time below the clock's ticks.
pub const FRACTION_BITS: u32 = 16;
/// A bucket has a time in the low bits, and the owner's tag above.
const TIME_BITS: u32 = 48;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// What is to become of a query.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Answer,
    /// The answer is left out and TC set: who has not forged the source asks again over TCP.
    Slip,
    Drop,
}

/// Whether a client is to be judged, by the bits of `Settings::limited`.
#[inline(always)]
pub fn concerns(bits: u8, client: Address) -> bool {
    bits & limited::ANSWERS != 0 && (bits & limited::PRIVATE != 0 || !is_private(client))
}

/// Whether an address is of a network that is not routed on the Internet: RFC 1918, RFC 6598 (carriers' NAT), RFC 4193, link-local and
/// loopback.
#[inline(always)]
pub fn is_private(client: Address) -> bool {
    let [low, high] = client.0;
    if client.is_ipv4() {
        // The first byte is the lowest.
        let address = (high >> 32) as u32;
        address & 0xff == 10
            || address & 0xffff == u32::from_le_bytes([192, 168, 0, 0])
            || address & 0xf0ff == u32::from_le_bytes([172, 16, 0, 0])
            || address & 0xc0ff == u32::from_le_bytes([100, 64, 0, 0])
            || address & 0xffff == u32::from_le_bytes([169, 254, 0, 0])
            || address & 0xff == 127
    } else {
        low & 0xfe == 0xfc || low & 0xc0ff == 0x80fe || low | (high ^ 1 << 56) == 0
    }
}

/// The one value of the map `LIMIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RateLimit {
    /// Between two answers when they come evenly, in parts of a tick (`FRACTION_BITS`).
    pub interval: [u8; 4],
    /// How far ahead of that a network may be: its burst. In the same unit.
    pub tolerance: [u8; 4],
    /// The bits of a client's address that tell its network.
    pub ipv4_mask: [u8; 4],
    pub ipv6_mask: [u8; 16],
    /// Of the buckets' hash: nobody knows who shares one.
    pub seed: [u8; 8],
    /// Of so many queries over the limit one is told to ask over TCP; 0 for none.
    pub slip: u8,
    /// Of `exempt` that are in use.
    pub exempt_count: u8,
    pub reserved: [u8; 2],
    pub exempt: [Exempt; MOST_EXEMPT],
}

/// A network that is never limited: all addresses that have these bits under the mask. IPv4 is mapped into IPv6.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Exempt {
    pub address: [u8; 16],
    pub mask: [u8; 16],
}

/// Where the buckets are kept, the clock that they go by, and chance.
pub trait Buckets {
    fn bucket(&self, position: u32) -> u64;
    fn set_bucket(&self, position: u32, bucket: u64);
    /// Ticks of a clock that does not go back.
    fn ticks(&self) -> u64;
    fn random(&self) -> u32;
}

impl RateLimit {
    /// Judges a client's query, and counts it if it is to be answered.
    #[inline(always)]
    pub fn judge(&self, client: Address, buckets: &impl Buckets) -> Verdict {
        let hash = self.hash(client);
        let (position, tag) = ((hash >> (64 - BUCKET_BITS)) as u32, hash & 0xffff);
        let now = buckets.ticks() << FRACTION_BITS & TIME;
        let bucket = buckets.bucket(position);
        let tolerance = u64::from(u32::from_be_bytes(self.tolerance));
        // A time that is past, or further ahead than any was set, which may be half a circle of the clock ago: nothing is owed.
        let ahead = bucket.wrapping_sub(now) & TIME;
        let owed = if ahead <= tolerance { ahead } else { 0 };
        if owed != 0 && bucket >> TIME_BITS != tag {
            return Verdict::Answer;
        }
        let next = owed + u64::from(u32::from_be_bytes(self.interval));
        if next <= tolerance {
            buckets.set_bucket(position, tag << TIME_BITS | (now + next) & TIME);
            return Verdict::Answer;
        }
        if self.exempts(client) {
            Verdict::Answer
        } else if self.slip != 0 && (u64::from(buckets.random()) * u64::from(self.slip)) >> 32 == 0 {
            Verdict::Slip
        } else {
            Verdict::Drop
        }
    }

    #[inline(always)]
    fn hash(&self, client: Address) -> u64 {
        let [low, high] = client.0;
        let masked = if client.is_ipv4() {
            u64::from(u32::from_le_bytes(client.to_ipv4()) & u32::from_le_bytes(self.ipv4_mask))
        } else {
            let mask = Address::from_ipv6(self.ipv6_mask).0;
            mix(low & mask[0]) ^ (high & mask[1])
        };
        mix(masked ^ u64::from_le_bytes(self.seed))
    }

    /// Asked only of those over the limit.
    #[inline(always)]
    fn exempts(&self, client: Address) -> bool {
        for index in 0..MOST_EXEMPT {
            if index >= usize::from(self.exempt_count) {
                break;
            }
            let Exempt { address, mask } = self.exempt[index];
            let (address, mask) = (Address::from_ipv6(address).0, Address::from_ipv6(mask).0);
            let difference = (client.0[0] ^ address[0]) & mask[0] | (client.0[1] ^ address[1]) & mask[1];
            if difference == 0 {
                return true;
            }
        }
        false
    }
}

/// Spreads the bits of a number (the finaliser of D. Stafford's variant 13 of MurmurHash3).
#[inline(always)]
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
