//! XDP programs that the fast path is measured beside (`cargo xtask bench`), and the one that makes repetitions equal.
//!
//! The kernel runs a program as often as it is told on one frame (BPF_PROG_TEST_RUN), and restores nothing in between: the
//! second run would see the first one's answer. So `restore` runs in its place: it writes the query and calls the program
//! under test, which is unchanged. What that costs, with the kernel's loop, is what `discard` costs behind it.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod answer;
mod frame;
mod restore;
mod vary;

use aya_ebpf::{bindings::xdp_action, helpers::bpf_xdp_adjust_head, macros::xdp, programs::XdpContext};

/// Writes the query, and calls the program under test. `XDP_ABORTED` where either fails.
#[xdp(frags)]
fn restore(context: XdpContext) -> u32 {
    if restore::restore(&context).is_some() {
        restore::call(&context);
    }
    xdp_action::XDP_ABORTED
}

/// As `restore`, with another client and another name in each run.
#[xdp(frags)]
fn restore_varied(context: XdpContext) -> u32 {
    if restore::restore(&context).and_then(|()| vary::vary(&context)).is_some() {
        restore::call(&context);
    }
    xdp_action::XDP_ABORTED
}

/// What is subtracted from all others.
#[xdp(frags)]
fn discard(_context: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// Makes room for three records, and no more. `restore` has to take it back: both are in the cost of every answer.
#[xdp(frags)]
fn room(context: XdpContext) -> u32 {
    // SAFETY: a helper call on the kernel's context.
    let refused = unsafe { bpf_xdp_adjust_head(context.ctx, -(answer::RECORDS_LENGTH as i32)) };
    if refused == 0 { xdp_action::XDP_DROP } else { xdp_action::XDP_ABORTED }
}

/// One fixed, correct answer with three addresses to one question: the least that answering takes.
#[xdp(frags)]
fn fixed(context: XdpContext) -> u32 {
    match answer::to_frame(&context) {
        Ok(()) => xdp_action::XDP_TX,
        Err(answer::NotOurs) => xdp_action::XDP_PASS,
    }
}

/// Required by the language; the verifier admits no program that could get here.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lends some helpers to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
