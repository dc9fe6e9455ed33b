//! The fast path: the responder as an XDP program.
//!
//! An answer is sent back through the NIC that the query came from. Every other end is a reason, which is counted; its
//! verdict becomes the action.

#![no_std]
#![no_main]

mod maps;
mod packet;

use aya_ebpf::{bindings::xdp_action, macros::xdp, programs::XdpContext};
use tgdns_common::{
    query::Question,
    reason::{Reason, Verdict},
    respond,
    tables::Tables as _,
};

use crate::{
    maps::{Maps, Scratch},
    packet::Frame,
};

#[xdp(frags)]
fn tgdns(context: XdpContext) -> u32 {
    let end = maps::with_scratch(|Scratch { question, number }| {
        answer(&mut Frame::new(&context, number), question)
    });
    match end {
        Some(Ok(())) => xdp_action::XDP_TX,
        Some(Err(reason)) => {
            Maps.count(reason.into());
            // The log's map has no BTF, which plain loaders refuse; without the feature there is no trace of it.
            #[cfg(feature = "log")]
            aya_log_ebpf::info!(&context, "not answered: {}", reason.as_str());
            match reason.verdict() {
                Verdict::Pass => xdp_action::XDP_PASS,
                Verdict::Drop => xdp_action::XDP_DROP,
            }
        }
        None => xdp_action::XDP_PASS,
    }
}

#[inline(always)]
fn answer(frame: &mut Frame<'_>, question: &mut Question) -> Result<(), Reason> {
    let reply = respond::plan(frame, &Maps, question)?;
    respond::apply(frame, &reply, question).inspect_err(|_| Maps.uncount(reply.kind().into()))
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
