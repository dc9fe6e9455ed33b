//! The fast path: the responder as an XDP program.
//!
//! An answer is sent back through the NIC that the query came from. Every other end is a reason, which is counted; its
//! verdict becomes the action.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod maps;
mod packet;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use tgdns_common::{reason::Verdict, respond, tables::Tables as _};

use crate::{
    maps::{Maps, Scratch},
    packet::Frame,
};

#[xdp(frags)]
#[inline(always)]
fn tgdns(context: XdpContext) -> u32 {
    let Some(Scratch { question, number }) = maps::scratch(&context) else { return xdp_action::XDP_PASS };
    match respond::to_frame(&mut Frame::new(&context, number), &Maps, question) {
        Ok(_counter) => xdp_action::XDP_TX,
        Err(reason) => {
            Maps.count(reason.into());
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

/// Required by the language; the verifier admits no program that could get here.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lends some helpers to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
