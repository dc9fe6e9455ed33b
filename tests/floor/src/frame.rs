//! The bytes of a frame.

use core::ptr;

use aya_ebpf::programs::XdpContext;

/// A frame of which so many bytes are there: all accesses are at offsets that are known when this is compiled.
pub(crate) struct Frame<const LENGTH: usize>(usize);

impl<const LENGTH: usize> Frame<LENGTH> {
    /// Nothing where the frame is shorter.
    #[inline(always)]
    pub(crate) fn new(context: &XdpContext) -> Option<Self> {
        let start = start(context);
        if start + LENGTH > end(context) { None } else { Some(Self(start)) }
    }

    #[inline(always)]
    pub(crate) fn get<T: Number>(&self, offset: usize) -> T {
        assert!(offset + size_of::<T>() <= LENGTH);
        // SAFETY: within the frame, whose length was compared; any bytes are a number.
        unsafe { ((self.0 + offset) as *const T).read_unaligned() }
    }

    #[inline(always)]
    pub(crate) fn put<T: Number>(&mut self, offset: usize, value: T) {
        assert!(offset + size_of::<T>() <= LENGTH);
        // SAFETY: within the frame, whose length was compared.
        unsafe { ((self.0 + offset) as *mut T).write_unaligned(value) }
    }
}

/// Numbers in the machine's order, which is little endian.
pub(crate) trait Number: Copy {}

impl Number for u8 {}
impl Number for u16 {}
impl Number for u32 {}
impl Number for u64 {}

#[inline(always)]
pub(crate) fn start(context: &XdpContext) -> usize {
    // SAFETY: the kernel's context is valid for the program's run.
    unsafe { (*context.ctx).data as usize }
}

/// Read anew each time, for the verifier follows no bounds that are derived from others.
#[inline(always)]
pub(crate) fn end(context: &XdpContext) -> usize {
    // SAFETY: as above.
    unsafe { ptr::read_volatile(&raw const (*context.ctx).data_end) as usize }
}
