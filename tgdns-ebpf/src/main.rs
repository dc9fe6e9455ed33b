//! The fast path: the responder as an XDP program.
//!
//! An answer is sent back through the NIC that the query came from. Every other end is a reason, which is counted; its
//! verdict becomes the action.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod maps;
mod packet;

use core::mem::offset_of;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use tgdns_common::{
    packet::Packet as _,
    reason::Verdict,
    respond,
    tables::{Beat, Tables as _},
};

use crate::{
    maps::{Maps, Scratch},
    packet::Frame,
};

#[xdp(frags)]
#[inline(always)]
fn tgdns(context: XdpContext) -> u32 {
    let Some(Scratch { question, number }) = maps::scratch(&context) else { return xdp_action::XDP_PASS };
    let maps = Maps { context: &context };
    match respond::to_frame(&mut Frame::new(&context, number), &maps, question) {
        Ok(_counter) => xdp_action::XDP_TX,
        Err(reason) => {
            maps.count(reason.into());
            // The log's map has no BTF, which plain loaders refuse; without the feature there is no trace of it.
            #[cfg(feature = "log")]
            aya_log_ebpf::info!(&context, "not answered: {}", reason.as_str());
            match reason.verdict() {
                Verdict::Pass => xdp_action::XDP_PASS,
                Verdict::Drop => xdp_action::XDP_DROP,
            }
        }
    }
}

/// The controller's heartbeat: attached to nothing, run by the controller alone, which cannot read the clock that frames are
/// judged by.
#[xdp]
fn beat(context: XdpContext) -> u32 {
    let mut number = 0;
    let mut frame = Frame::new(&context, &mut number);
    let Ok(said) = frame.get::<Beat>(0) else { return xdp_action::XDP_ABORTED };
    let Some(stale_at) = maps::beat(u32::from_be_bytes(said.ticks)) else { return xdp_action::XDP_ABORTED };
    match frame.put(offset_of!(Beat, stale_at), stale_at.to_be_bytes()) {
        Ok(()) => xdp_action::XDP_PASS,
        Err(_) => xdp_action::XDP_ABORTED,
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
