//! The maps, and the responder's tables over them.

use core::mem::offset_of;

use aya_ebpf::{
    bindings::BPF_F_INNER_MAP,
    btf_maps::{Array, ArrayOfMaps, PerCpuArray},
    helpers::{bpf_get_prandom_u32, bpf_jiffies64},
    macros::btf_map,
    programs::XdpContext,
};
use tgdns_common::{
    counter::{Counter, Counters},
    query::Question,
    rate::{self, RateLimit, Verdict},
    tables::{self, Address, AnswerSet, Choice, DEFAULT_VIEW, Service, Settings, capacity},
    trie::{self, Page},
};

#[btf_map]
static SETTINGS: Array<Settings, 1> = Array::new();

#[btf_map]
static SERVICES: Array<Service, { capacity::SERVICES * capacity::SERVICES_COPIES }> = Array::new();

#[btf_map]
static VIEWS: ArrayOfMaps<Trie, { capacity::SIDES }> = ArrayOfMaps::new();

/// Each has as many pages as it needs.
type Trie = Array<Page, 1, { BPF_F_INNER_MAP as usize }>;

#[btf_map]
static INDEX: Array<[u8; 4], { capacity::INDEX * capacity::INDEX_COPIES }> = Array::new();

#[btf_map]
static ANSWERS: Array<AnswerSet, { capacity::ANSWERS }> = Array::new();

#[btf_map]
static CHOICES: Array<Choice, { capacity::ANSWERS }> = Array::new();

#[btf_map]
static LIMIT: Array<RateLimit, 1> = Array::new();

/// Not pinned: who takes over limits anew.
#[btf_map]
static BUCKETS: Array<u64, { rate::BUCKETS }> = Array::new();

/// Who was limited last, an IPv4 address mapped into IPv6, so that the controller can tell of it. Not pinned either.
#[btf_map]
static LIMITED: PerCpuArray<[u8; 16], 1> = PerCpuArray::new();

#[btf_map]
static COUNTERS: PerCpuArray<Counters, 1> = PerCpuArray::new();

#[btf_map]
static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// Memory for one run. What is kept here instead of on the stack is nothing to the verifier, so paths become one where
/// they meet.
#[repr(C)]
pub(crate) struct Scratch {
    pub(crate) question: Question,
    pub(crate) number: u64,
}

/// This run's scratch memory; nothing where the kernel has none, which does not happen.
#[inline(always)]
#[expect(
    clippy::mut_from_ref,
    reason = "the memory is not the context's; it is lent for as long as that lives"
)]
pub(crate) fn scratch(_run: &XdpContext) -> Option<&mut Scratch> {
    // SAFETY: `main` calls this once in a run, and the kernel runs XDP programs one after the other on a CPU. (Older kernels let
    // a NIC interrupt `BPF_PROG_TEST_RUN`: what is spoilt then is an answer to `tgdns query`, or to the self-test, which asks
    // again, and not that to a frame.)
    SCRATCH.get_ptr_mut(0).map(|scratch| unsafe { &mut *scratch })
}

/// Ticks of the kernel's coarse clock.
#[inline(always)]
fn now() -> u64 {
    // SAFETY: it asks for nothing.
    unsafe { bpf_jiffies64() }
}

/// Lets the answers be fresh for so many ticks more, and gives the tick from which on they are stale.
pub(crate) fn beat(ticks: u32) -> Option<u64> {
    let settings = SETTINGS.get_ptr_mut(0)?;
    let stale_at = now() + u64::from(ticks);
    // SAFETY: the field is the value's first, and aligned as maps' values are. One store: no reader sees half of it.
    unsafe { settings.cast::<u64>().write_volatile(stale_at.to_be()) };
    Some(stale_at)
}

const _: () = assert!(offset_of!(Settings, stale_at) == 0);

/// The kernel's number of the loopback device, in every network namespace (LOOPBACK_IFINDEX).
const LOOPBACK: usize = 1;

/// The responder's tables.
pub(crate) struct Maps<'c> {
    pub(crate) context: &'c XdpContext,
}

/// CPUs that judge the same network at once may count one query less: that is no harm, and no CPU waits for another.
impl rate::Buckets for Maps<'_> {
    #[inline(always)]
    fn bucket(&self, position: u32) -> u64 {
        // SAFETY: the kernel's memory, aligned as maps' values are.
        BUCKETS.get_ptr(position).map_or(0, |bucket| unsafe { bucket.read_volatile() })
    }

    #[inline(always)]
    fn set_bucket(&self, position: u32, bucket: u64) {
        if let Some(place) = BUCKETS.get_ptr_mut(position) {
            // SAFETY: as above.
            unsafe { place.write_volatile(bucket) };
        }
    }

    #[inline(always)]
    fn ticks(&self) -> u64 {
        now()
    }

    #[inline(always)]
    fn random(&self) -> u32 {
        // SAFETY: it asks for nothing.
        unsafe { bpf_get_prandom_u32() }
    }
}

struct Pages<'m>(&'m Trie);

impl trie::Pages for Pages<'_> {
    #[inline(always)]
    fn page(&self, number: u32) -> Option<&Page> {
        self.0.get(number)
    }
}

impl tables::Tables for Maps<'_> {
    #[inline(always)]
    fn settings(&self) -> Option<&Settings> {
        SETTINGS.get(0)
    }

    #[inline(always)]
    fn service(&self, position: u32) -> Option<&Service> {
        SERVICES.get(position)
    }

    #[inline(always)]
    fn slot(&self, position: u32) -> u32 {
        INDEX.get(position).map_or(0, |slot| u32::from_be_bytes(*slot))
    }

    #[inline(always)]
    fn answer_set(&self, slot: u32) -> Option<&AnswerSet> {
        ANSWERS.get(slot)
    }

    #[inline(always)]
    fn choice(&self, slot: u32) -> Option<&Choice> {
        CHOICES.get(slot)
    }

    #[inline(always)]
    fn view(&self, client: Address, side: u8) -> u32 {
        VIEWS.get(side.into()).map_or(DEFAULT_VIEW, |pages| trie::view(client, &Pages(pages)))
    }

    /// The kernel makes one load of the call.
    #[inline(always)]
    fn stale_mask(&self, settings: &Settings) -> u32 {
        settings.stale_mask(now())
    }

    /// The limit is for sources that may be forged, and none of those come from the loopback device. The frames of
    /// `BPF_PROG_TEST_RUN` do unless it is told otherwise, so the self-test takes no client's answers.
    #[inline(always)]
    fn judge_rate(&self, client: Address) -> Verdict {
        if self.context.ingress_ifindex() == LOOPBACK {
            return Verdict::Answer;
        }
        let verdict = LIMIT.get(0).map_or(Verdict::Answer, |limit| limit.judge(client, self));
        if verdict != Verdict::Answer
            && let Some(last) = LIMITED.get_ptr_mut(0)
        {
            // SAFETY: the kernel's memory, aligned as maps' values are, of this CPU only.
            unsafe { last.cast::<[u64; 2]>().write_volatile(client.0) };
        }
        verdict
    }

    #[inline(always)]
    fn count(&self, Counter(index): Counter) -> u64 {
        let Some(counters) = COUNTERS.get_ptr_mut(0) else { return 0 };
        let index = usize::from(index);
        if index >= Counter::COUNT {
            return 0;
        }
        // SAFETY: the value is `Counter::COUNT` numbers in a row, on this CPU only.
        unsafe {
            let counter = counters.cast::<u64>().add(index);
            let before = *counter;
            *counter = before + 1;
            before
        }
    }

    #[inline(always)]
    fn uncount(&self, Counter(index): Counter) {
        let index = usize::from(index);
        if let Some(counters) = COUNTERS.get_ptr_mut(0)
            && index < Counter::COUNT
        {
            // SAFETY: the value is `Counter::COUNT` numbers in a row, on this CPU only.
            unsafe { *counters.cast::<u64>().add(index) -= 1 };
        }
    }
}
