//! The frame: all pointer arithmetic on packets is here.

use core::{arch::asm, marker::PhantomData, ptr};

use aya_ebpf::{
    EbpfContext as _,
    bindings::xdp_md,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    programs::XdpContext,
};
use bytemuck::Pod;
use tgdns_common::{
    packet::{Packet, TooShort},
    reason::Reason,
};

/// The frame that an XDP program was called for.
pub(crate) struct Frame<'c> {
    context: *mut xdp_md,
    memory: *mut u64,
    lifetime: PhantomData<&'c XdpContext>,
}

impl<'c> Frame<'c> {
    #[inline(always)]
    pub(crate) fn new(context: &'c XdpContext, memory: &'c mut u64) -> Self {
        Self { context: context.as_ptr().cast(), memory, lifetime: PhantomData }
    }

    #[inline(always)]
    fn start(&self) -> usize {
        // SAFETY: the kernel's context is valid for the program's run.
        unsafe { (*self.context).data as usize }
    }

    /// Where the frame ends. Read anew each time: the compiler would derive one bounds check from another, which the
    /// verifier can't follow.
    #[inline(always)]
    fn end(&self) -> usize {
        // SAFETY: as above.
        unsafe { ptr::read_volatile(&raw const (*self.context).data_end) as usize }
    }

    /// A pointer to `T` at an offset, if the frame reaches that far.
    #[inline(always)]
    fn at<T>(&self, offset: usize) -> Option<*mut T> {
        let address = self.start() + offset;
        if address + size_of::<T>() > self.end() { None } else { Some(address as *mut T) }
    }
}

impl Packet for Frame<'_> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.end() - self.start()
    }

    #[inline(always)]
    fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort> {
        match self.at::<T>(offset) {
            // SAFETY: in bounds by `at`; any bytes are a `T`.
            Some(pointer) => Ok(unsafe { pointer.read_unaligned() }),
            None => Err(TooShort),
        }
    }

    #[inline(always)]
    fn put<T: Pod>(&mut self, offset: usize, value: T) -> Result<(), Reason> {
        match self.at::<T>(offset) {
            Some(pointer) => {
                // SAFETY: in bounds by `at`.
                unsafe { pointer.write_unaligned(value) };
                Ok(())
            }
            None => Err(Reason::Write),
        }
    }

    #[inline(always)]
    fn resize(&mut self, length: usize) -> Result<(), Reason> {
        let growth = length as i32 - self.length() as i32;
        // SAFETY: helper calls on the kernel's context; all pointers into the frame are derived anew afterwards.
        unsafe {
            if bpf_xdp_adjust_head(self.context, -growth) == 0
                || bpf_xdp_adjust_tail(self.context, growth) == 0
            {
                return Ok(());
            }
        }
        Err(Reason::NoRoom)
    }

    #[inline(always)]
    fn shorten(&mut self, length: usize) -> Result<(), Reason> {
        // The verifier admits no other arithmetic on the frame's end.
        let before = self.hide(self.length() as u64);
        let growth = length as i32 - before as i32;
        // SAFETY: as in `resize`.
        if unsafe { bpf_xdp_adjust_tail(self.context, growth) } == 0 { Ok(()) } else { Err(Reason::Write) }
    }

    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        // SAFETY: the memory is lent to this frame alone. It belongs to a map, whose values the verifier does not track.
        unsafe {
            self.memory.write_volatile(number);
            self.memory.read_volatile()
        }
    }

    #[inline(always)]
    fn hide(&self, mut number: u64) -> u64 {
        // SAFETY: nothing is done.
        unsafe { asm!("{0} = {0}", inout(reg) number) };
        number
    }

    #[inline(always)]
    fn hide_behind<'r, T>(&self, reference: &'r T) -> &'r T {
        let mut pointer: *const T = reference;
        // SAFETY: nothing is done, so the pointer is what it was. Without options the compiler has to assume that memory was
        // written, too, and reads behind the pointer anew.
        unsafe {
            asm!("{0} = {0}", inout(reg) pointer);
            &*pointer
        }
    }
}
