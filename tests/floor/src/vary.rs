//! Another client and another name in each run, as with real clients: what is looked up is not always the same.
//!
//! The query is one over IPv4 without a tag or options. Its checksums stay right because the identifiers, of the packet and of
//! the message, take up the difference.

use aya_ebpf::{btf_maps::Array, macros::btf_map, programs::XdpContext};

use crate::frame::Frame;

/// Of `VARIANTS`; a power of two.
const MOST: usize = 65_536;
const IP_IDENTIFIER: usize = 18;
const SOURCE: usize = 26;
const MESSAGE_IDENTIFIER: usize = 42;
const NAME: usize = 54;

#[btf_map]
static VARIANTS: Array<Variant, MOST> = Array::new();

#[btf_map]
static TURN: Array<Turn, 1> = Array::new();

/// What differs. All numbers are as they are in the frame, read in the machine's order.
#[repr(C)]
struct Variant {
    source: u32,
    ip_identifier: u16,
    message_identifier: u16,
    /// The first eight bytes of the name.
    name: u64,
}

/// Whose turn it is.
#[repr(C)]
struct Turn {
    number: u64,
    /// How many variants there are, less one.
    variants: u64,
    /// How many laps differ, less one: each lap has another second byte in the source address, 256 at most.
    laps: u64,
}

/// Nothing where the frame is too short.
#[inline(always)]
pub(crate) fn vary(context: &XdpContext) -> Option<()> {
    let turn = TURN.get_ptr_mut(0)?;
    // SAFETY: one value of a map, which user space and this program write in turn.
    let turn = unsafe { &mut *turn };
    let number = turn.number;
    turn.number = number.wrapping_add(1);
    let variant = VARIANTS.get((number & turn.variants) as u32)?;
    let lap = ((number >> MOST.ilog2()) & turn.laps & 0xff) as u16;
    let mut frame = Frame::<{ NAME + 8 }>::new(context)?;
    frame.put(IP_IDENTIFIER, less(variant.ip_identifier, lap << 8));
    frame.put(SOURCE, variant.source | u32::from(lap) << 8);
    frame.put(MESSAGE_IDENTIFIER, less(variant.message_identifier, lap << 8));
    frame.put(NAME, variant.name);
    Some(())
}

/// In one's complement.
#[inline(always)]
fn less(number: u16, lap: u16) -> u16 {
    let sum = u32::from(number) + u32::from(!lap);
    ((sum >> 16) + sum) as u16
}
