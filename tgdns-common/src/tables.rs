//! The seam to the maps: what the responder looks up, and the layout of keys and values.
//!
//! Keys and values are bytes in network order without padding, so that `bpftool map dump` shows addresses as
//! addresses. Two tables are cuckoo hash tables in plain arrays, whose lookups the kernel inlines: the index of answer
//! sets, and the service addresses. Each exists in several copies; a writer fills the next one, and then changes
//! one byte. That byte chooses one of two tables of client prefixes, too (`trie`).

use bytemuck::{Pod, Zeroable};

use crate::{
    counter::Counter,
    name,
    rate::Verdict,
    wire::{dns::RecordHead, eth::Mac},
};

mod hash;

pub use hash::{name_hash, name_sum, name_word_sum};

/// Most servers of a cluster, and so addresses of one family in one answer set.
pub const MAX_SERVERS: usize = 64;

/// Places in an address table where an answer may begin.
pub const PLACES: usize = 2 * MAX_SERVERS;

/// Entries of the maps.
pub mod capacity {
    /// Of a copy of `SERVICES`.
    pub const SERVICES: usize = 512;
    pub const SERVICES_COPIES: usize = 2;
    /// Client prefixes of a configuration. No memory is kept for them: the tables of `VIEWS` are as large as they need to be.
    pub const PREFIXES: usize = 131_072;
    /// Tables of `VIEWS`: the one that is read, and the next.
    pub const SIDES: usize = 2;
    /// Of a copy of `INDEX`.
    pub const INDEX: usize = 2048;
    /// So many publications in a row wait for no reader of an earlier one.
    pub const INDEX_COPIES: usize = 16;
    /// Of `ANSWERS` and `CHOICES`; slot 0 stays empty.
    pub const ANSWERS: usize = 1024;
}

/// Bytes kept for the record of a negative answer: as many as it has where the primary server's label is the longest.
pub const NEGATIVE_BYTES: usize = 112;

/// The view of clients that are in no view.
pub const DEFAULT_VIEW: u32 = 0;

/// What the responder reads, and the one thing it writes: a counter.
pub trait Tables {
    /// Nothing where there are none, and so no answers.
    fn settings(&self) -> Option<&Settings>;
    /// An entry of the service addresses.
    fn service(&self, position: u32) -> Option<&Service>;
    /// An entry of the index: the slot of an answer set, 0 for none.
    fn slot(&self, position: u32) -> u32;
    fn answer_set(&self, slot: u32) -> Option<&AnswerSet>;
    /// What chooses the addresses of the answer set in the same slot, where its policy needs that.
    fn choice(&self, slot: u32) -> Option<&Choice>;
    /// The view of the longest prefix that holds a client, by the table of one side (`Copies::side`).
    fn view(&self, client: Address, side: u8) -> u32;
    /// All bits where the answers are stale, as their controller has not been heard of for too long; else none.
    fn stale_mask(&self, settings: &Settings) -> u32;
    /// Judges a client's query where that is to be (`rate::concerns`).
    fn judge_rate(&self, client: Address) -> Verdict;
    /// Counts, and returns the count before. It need not be the same on all CPUs.
    fn count(&self, counter: Counter) -> u64;
    /// Takes back what was counted last, for an answer that could not be written.
    fn uncount(&self, counter: Counter);
}

/// An IPv6 address, or an IPv4 address mapped into IPv6 (RFC 4291 2.5.5.2), as two little-endian words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub [u64; 2]);

impl Address {
    #[inline(always)]
    pub const fn from_ipv4(address: [u8; 4]) -> Self {
        Self([0, (u32::from_le_bytes(address) as u64) << 32 | 0xffff_0000])
    }

    #[inline(always)]
    pub fn from_ipv6(address: [u8; 16]) -> Self {
        let words: [[u8; 8]; 2] = bytemuck::cast(address);
        Self(words.map(u64::from_le_bytes))
    }

    /// The form that the tables hold.
    #[inline(always)]
    pub fn to_bytes(self) -> [u8; 16] {
        bytemuck::cast(self.0.map(u64::to_le_bytes))
    }

    /// Whether it is a mapped one. One comparison of both words: of one word that equals something the verifier would know that.
    #[inline(always)]
    pub const fn is_ipv4(self) -> bool {
        self.0[0] | (self.0[1] as u32 ^ 0xffff_0000) as u64 == 0
    }

    /// The last four bytes, which are the IPv4 address of a mapped one.
    #[inline(always)]
    pub const fn to_ipv4(self) -> [u8; 4] {
        ((self.0[1] >> 32) as u32).to_le_bytes()
    }
}

/// The one value of the map `SETTINGS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Settings {
    /// The tick of the kernel's clock (jiffies) from which on answers are stale. A beat of the controller puts it off, by one
    /// store that readers see whole: first in the value, so that it is aligned.
    pub stale_at: [u8; 8],
    /// Of the map `INDEX`.
    pub names: Copies,
    /// Of the map `SERVICES`.
    pub services: Copies,
    /// 1 where the map `VIEWS` has a table, else 0.
    pub has_views: u8,
    /// The version of the layout of all maps (`LAYOUT`).
    pub layout: u8,
    /// The EDNS options that plain answers can't do justice to, as bits of `options`.
    pub options: u8,
    /// The high byte of `stale::VIEW` or `stale::NO_VIEW`, which the view's number gets when answers are stale; 0 where they are
    /// held.
    pub when_stale: u8,
    /// What the map `LIMIT` is to be obeyed for, as bits of `limited`.
    pub limited: u8,
    pub reserved: [u8; 3],
}

impl Settings {
    /// `Tables::stale_mask` by a clock that counts ticks.
    #[inline(always)]
    pub const fn stale_mask(&self, now: u64) -> u32 {
        // The sign of what is left: without a comparison the program has one path, and the verifier, too.
        let left = u64::from_be_bytes(self.stale_at).wrapping_sub(now) as i64;
        (left.wrapping_sub(1) >> 63) as u32
    }
}

/// What the controller runs the program `beat` on, in place of a frame: how many ticks answers stay fresh from then on. The
/// program tells from when on they are stale. It is the same in every layout: a version whose layout is another one runs its
/// predecessor's program until it takes over.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Beat {
    pub ticks: [u8; 4],
    pub stale_at: [u8; 8],
    /// The kernel runs programs on whole Ethernet headers.
    pub reserved: [u8; 4],
}

/// Bits of `Settings::options`: a query with such an option is not plain.
pub mod options {
    use crate::wire::dns::OptionHead;

    /// NSID, as there is an identifier to be told (RFC 5001).
    pub const NSID: u8 = 1;
    /// COOKIE, as there is a secret (RFC 7873). A client that has had a server's cookie once wants one in every answer.
    pub const COOKIE: u8 = 2;

    /// The bit of an option, by its code.
    #[inline(always)]
    pub const fn bit(code: u16) -> u8 {
        match code {
            OptionHead::NSID => NSID,
            OptionHead::COOKIE => COOKIE,
            _ => 0,
        }
    }
}

/// Bits of `Settings::limited`; 0 where nothing is.
pub mod limited {
    /// Answers are.
    pub const ANSWERS: u8 = 1;
    /// So are queries that are passed up, as nobody but this controller's sockets gets them. They have a TCP port, too.
    pub const PASSED: u8 = 2;
    /// Those of clients in private networks are, too.
    pub const PRIVATE: u8 = 4;
}

/// Bits of `AnswerSet::policy`. All are 0 in most sets, which then cost one comparison.
pub mod policy {
    /// `Choice::columns` tell where an answer begins.
    pub const WEIGHTED: u8 = 1;
    /// `Choice::buckets` tell where an answer begins.
    pub const STICKY: u8 = 2;
    /// No server is live, or too few are, or who is live is not known: what is said in their place is counted apart, and why is
    /// told to clients with EDNS.
    pub const EXPLAINED: u8 = 4;
    /// Besides `EXPLAINED`: the controller has not been heard of for too long.
    pub const STALE: u8 = 8;
}

/// The version of the maps' layout. Raise it with every change of a type in this file, of `Counters` or of `trie`.
pub const LAYOUT: u8 = 9;

/// Where a table that exists in several copies is to be read.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Copies {
    /// The number of the copy in use, above bit 0. That one, in `Settings::names` alone, is the side of the map `VIEWS` that
    /// goes with the copy: one byte, so that names and views change together.
    pub current: u8,
    /// Each copy has two to the power of `bits` entries (1 to 24).
    pub bits: u8,
    pub reserved: [u8; 2],
    /// Of the copies with even numbers and of those with odd ones, as far as they are in use; chosen so that all keys find a
    /// place. One changes only when no program is running any more that may read such a copy.
    pub seeds: [[u8; 4]; 2],
}

impl Copies {
    /// The copy in use.
    #[inline(always)]
    pub const fn number(self) -> u8 {
        self.current >> 1
    }

    /// Which of the two tables of client prefixes is in use, 0 or 1.
    #[inline(always)]
    pub const fn side(self) -> u8 {
        self.current & 1
    }

    /// The same table with another copy in use.
    #[must_use]
    pub const fn with(self, number: u8, side: u8) -> Self {
        Self { current: number << 1 | side & 1, ..self }
    }

    /// The seed of a copy.
    #[inline(always)]
    pub const fn seed(self, number: u8) -> u32 {
        u32::from_be_bytes(if number & 1 == 0 { self.seeds[0] } else { self.seeds[1] })
    }

    /// The two places where a key of that hash can be, in the copy in use.
    #[inline(always)]
    pub fn positions(self, hash: u64) -> [u32; 2] {
        self.positions_in(self.number(), hash)
    }

    /// The two places where a key of that hash can be, in a copy.
    #[inline(always)]
    pub fn positions_in(self, number: u8, hash: u64) -> [u32; 2] {
        let bits = u32::from(self.bits & 31);
        let base = u32::from(number) << bits;
        let high = (hash >> 32) as u32;
        let low = hash as u32;
        // Shifts are taken modulo 32 on purpose: a table without entries answers nothing either way.
        [base | high.wrapping_shr(32 - bits), base | low.wrapping_shr(32 - bits)]
    }
}

/// An entry of the map `SERVICES`: an address of this host, on a NIC, in a VLAN.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Service {
    /// An IPv4 address is mapped into IPv6.
    pub address: [u8; 16],
    /// Of the NIC that has the address.
    pub mac: [u8; 6],
    /// The VLAN identifiers, the outer one first; 0 for none.
    pub vlans: [[u8; 2]; 2],
    /// 4 or 6; 0 in an entry that is not in use.
    pub family: u8,
    pub reserved: u8,
}

/// A service entry in words: what is hashed and compared.
#[derive(Clone, Copy)]
pub struct ServiceKey {
    address: Address,
    /// The MAC in the low six bytes, then the family.
    mac_and_family: u64,
    vlans: u32,
}

impl ServiceKey {
    #[inline(always)]
    pub fn new(address: Address, mac: Mac, vlans: [[u8; 2]; 2], family: u8) -> Self {
        Self {
            address,
            mac_and_family: mac.word() | u64::from(family) << 48,
            vlans: u32::from(u16::from_le_bytes(vlans[0])) | u32::from(u16::from_le_bytes(vlans[1])) << 16,
        }
    }

    #[inline(always)]
    pub fn hash(self, seed: u32) -> u64 {
        let [first, second] = self.address.0;
        hash::of_words([first, second, self.mac_and_family, self.vlans.into()], seed)
    }

    #[inline(always)]
    pub fn is(self, service: &Service) -> bool {
        let other = service.key();
        let difference = (self.address.0[0] ^ other.address.0[0])
            | (self.address.0[1] ^ other.address.0[1])
            | (self.mac_and_family ^ other.mac_and_family)
            | u64::from(self.vlans ^ other.vlans);
        difference == 0
    }
}

impl Service {
    #[inline(always)]
    pub fn key(&self) -> ServiceKey {
        ServiceKey::new(Address::from_ipv6(self.address), self.mac.into(), self.vlans, self.family)
    }
}

/// An entry of the map `ANSWERS`: the live servers of a cluster seen through one view.
///
/// The controller renders all that does not depend on the question; a responder copies it. Immutable once the index points to
/// it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct AnswerSet {
    /// In wire form, in lower case, zeros behind its end.
    pub name: [[u8; 8]; name::WORDS],
    /// The bits of the name that a query's must have, too: all but the case of letters, and none behind its end.
    pub significant: [[u8; 8]; name::WORDS],
    /// With the bit `stale::VIEW` where the set stands for one that is stale.
    pub view: [u8; 4],
    /// Bits of `policy`; 0 for the live servers in rotation.
    pub policy: u8,
    /// Of answers without records of their type: NOERROR, or what is said in their place.
    pub rcode: u8,
    /// What clients with EDNS are told (RFC 8914) where the policy is `EXPLAINED`.
    pub extended_error: [u8; 2],
    pub ipv4: Ipv4Addresses,
    pub ipv6: Ipv6Addresses,
    pub negative: Negative,
}

macro_rules! addresses {
    ($(#[$doc:meta] $name:ident: $size:literal),+ $(,)?) => { $(
        #[$doc]
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
        pub struct $name {
            /// What stands before each address.
            pub record: RecordHead,
            /// How many addresses there are.
            pub count: u8,
            /// How many of them one answer carries at most.
            pub limit: u8,
            /// Seconds that they may be kept while they are held for being stale.
            pub stale_ttl: [u8; 2],
            /// All of them twice in a row, so that each rotation is one window; or rows of as many as an answer carries,
            /// where those are chosen by weight. Zeros behind the end.
            pub addresses: [[u8; $size]; PLACES + MAX_SERVERS],
        }
    )+ };
}

addresses! {
    /// The IPv4 addresses of an answer set, and how they become A records.
    Ipv4Addresses: 4,
    /// The IPv6 addresses of an answer set, and how they become AAAA records.
    Ipv6Addresses: 16,
}

/// The SOA record that makes an answer negative (RFC 2308 3), ready for the wire.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Negative {
    /// Of the record, in bytes; at least 16.
    pub length: u8,
    /// 1 where the set's name is the zone's own (its apex), which has the SOA, else 0.
    pub is_apex: u8,
    /// The record's one's-complement sum, its bytes in the order in which they would be sent.
    pub sum: [u8; 2],
    pub record: [u8; NEGATIVE_BYTES],
}

/// Clients are spread over so many buckets.
pub const BUCKETS: usize = 1024;

/// An entry of the map `CHOICES`: where the answers of the set in the same slot of `ANSWERS` begin. Immutable once the index
/// points to the slot.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Choice {
    pub ipv4: Begins,
    pub ipv6: Begins,
    /// The bits of a client's address that tell its bucket.
    pub ipv4_mask: [u8; 4],
    pub ipv6_mask: [u8; 16],
    /// Of the buckets' hash.
    pub seed: [u8; 4],
}

/// Where the answers of one family begin in the address table.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Begins {
    /// Of `columns` that are in use.
    pub count: u8,
    pub reserved: [u8; 3],
    pub columns: [Column; MAX_SERVERS],
    pub buckets: [u8; BUCKETS],
}

/// Two places, and how often the first one of them is taken (M. D. Vose, "A Linear Algorithm for Generating Random Numbers
/// with a Given Distribution", 1991).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Column {
    /// In parts of 2 to the power of 32.
    pub threshold: [u8; 4],
    pub below: u8,
    pub above: u8,
    pub reserved: [u8; 2],
}
