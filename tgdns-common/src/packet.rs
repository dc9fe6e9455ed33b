//! The seam to the frame: headers by their type, words by offset, room.

use core::hint::black_box;

use bytemuck::Pod;

use crate::reason::Reason;

/// A frame, or on the slow path the buffer of a message.
pub trait Packet {
    /// In bytes.
    fn length(&self) -> usize;

    /// Reads a wire type (alignment 1) at an offset.
    ///
    /// # Errors
    /// Where the packet ends before it.
    fn get<T: Pod>(&self, offset: usize) -> Result<T, TooShort>;

    /// Overwrites a wire type (alignment 1) at an offset.
    ///
    /// # Errors
    /// `Write` where the packet ends before it.
    fn put<T: Pod>(&mut self, offset: usize, value: T) -> Result<(), Reason>;

    /// Makes the packet `length` bytes long, at the head where there is room, else at the tail. What it holds
    /// afterwards is anything: the caller overwrites all of it.
    ///
    /// # Errors
    /// `NoRoom`; the packet is then as it was.
    fn resize(&mut self, length: usize) -> Result<(), Reason>;

    /// Makes the packet shorter at the tail; what is left stays as it was.
    ///
    /// # Errors
    /// `Write`.
    fn shorten(&mut self, length: usize) -> Result<(), Reason>;

    /// The number itself. Where a verifier judges the program, it comes back from memory that the verifier does not
    /// track: all paths to this point become one there, and a mask behind it is not redundant to the compiler.
    #[inline(always)]
    fn forget(&self, number: u64) -> u64 {
        number
    }

    /// The number itself, of which the compiler knows nothing more. It has it at hand as one number then, not as the parts
    /// that it was made from, and keeps masks that only a verifier needs.
    #[inline(always)]
    fn hide(&self, number: u64) -> u64 {
        black_box(number)
    }

    /// The same for what a reference leads to: it is read where it is used.
    #[inline(always)]
    fn hide_behind<'r, T>(&self, reference: &'r T) -> &'r T {
        black_box(reference)
    }
}

/// A packet ends before what was to be read. It is a type of no size, because a `Reason` would share its bytes with the
/// first ones of what is read, which are then loaded one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort;

impl From<TooShort> for Reason {
    #[inline(always)]
    fn from(_: TooShort) -> Self {
        Self::Truncated
    }
}

/// Eight bytes at an offset, the first one lowest.
#[inline(always)]
pub(crate) fn word<P: Packet>(packet: &P, offset: usize) -> Result<u64, TooShort> {
    packet.get::<[u8; 8]>(offset).map(u64::from_le_bytes)
}

/// The number itself, of which compiler and verifier know no more than that it is at most `MASK`. The caller has checked
/// that it is.
#[inline(always)]
pub(crate) fn forget<const MASK: usize>(packet: &impl Packet, number: usize) -> usize {
    packet.forget(number as u64) as usize & MASK
}

/// The number itself, of which the compiler knows no more than that it is at most `MASK`, so that it keeps the mask that the
/// verifier needs. The caller has checked that it is.
#[inline(always)]
pub(crate) fn at_most<const MASK: usize>(packet: &impl Packet, number: usize) -> usize {
    packet.hide(number as u64) as usize & MASK
}

/// Repeats a block with `$index` a constant. A loop that the compiler unrolls only in part walks packets in steps that the
/// verifier can't follow.
macro_rules! unrolled {
    ($index:ident in [$($value:literal)+] $block:block) => { $( { const $index: usize = $value; $block } )+ };
}
pub(crate) use unrolled;
