//! Makes the frame what it was before the program under test had it.

use core::arch::asm;

use aya_ebpf::{
    btf_maps::{Array, ProgramArray},
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    macros::btf_map,
    programs::XdpContext,
};

use crate::frame;

/// Of the longest query.
const WORDS: usize = 24;

#[btf_map]
static QUERY: Array<Query, 1> = Array::new();

/// The program under test.
#[btf_map]
static UNDER_TEST: ProgramArray<1> = ProgramArray::new();

/// What is written into the frame.
#[repr(C)]
struct Query {
    /// Where the frame began, so that it begins there again; 0 where that is to be found out.
    start: u64,
    /// In bytes, 8 at least.
    length: u64,
    /// The last eight bytes, which overlap the words where the length is not a multiple of eight.
    last: u64,
    words: [u64; WORDS],
}

/// Nothing where the kernel refuses to give the frame its length.
#[inline(always)]
pub(crate) fn restore(context: &XdpContext) -> Option<()> {
    let query = QUERY.get_ptr_mut(0)?;
    // SAFETY: one value of a map, which user space and this program write in turn.
    let query = unsafe { &mut *query };
    let start = frame::start(context);
    if query.start == 0 {
        query.start = start as u64;
    }
    let moved = (query.start as usize).wrapping_sub(start) as i32;
    // SAFETY: helper calls on the kernel's context; all pointers into the frame are derived anew afterwards.
    unsafe {
        if moved != 0 && bpf_xdp_adjust_head(context.ctx, moved) != 0 {
            return None;
        }
        let length = (frame::end(context) - frame::start(context)) as i32;
        let growth = query.length as i32 - length;
        if growth != 0 && bpf_xdp_adjust_tail(context.ctx, growth) != 0 {
            return None;
        }
    }
    let start = frame::start(context);
    for (index, word) in query.words.iter().enumerate() {
        let address = start + 8 * index;
        if address + 8 > frame::end(context) {
            break;
        }
        // SAFETY: compared with the frame's end.
        unsafe { (address as *mut u64).write_unaligned(*word) };
    }
    let mut before = query.length.wrapping_sub(8);
    // SAFETY: nothing is done; the compiler forgets how the number came about, so that its limit is compared here.
    unsafe { asm!("{0} = {0}", inout(reg) before) };
    if before > 8 * WORDS as u64 {
        return None;
    }
    let address = start + before as usize;
    if address + 8 > frame::end(context) {
        return None;
    }
    // SAFETY: compared with the frame's end.
    unsafe { (address as *mut u64).write_unaligned(query.last) };
    Some(())
}

/// Does not return where there is a program under test.
#[inline(always)]
pub(crate) fn call(context: &XdpContext) {
    // SAFETY: nothing is owned here that would have to be dropped.
    unsafe { UNDER_TEST.tail_call(context, 0) }
}
