//! Another wall clock for one program: preloaded into it (`LD_PRELOAD`), this adds the seconds that a file holds, a native `i64`.
//!
//! No namespace has a wall clock of its own, and the machine's is everybody's. Other clocks stay what they are.

use std::{
    ffi::{CStr, c_int},
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

/// The environment variable with the file's path.
const FILE: &CStr = c"TGDNS_LAB_WALL_CLOCK";

/// In place of the C library's.
///
/// # Safety
/// As that one: `time` is null or points to where a `timespec` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    static OFFSET: OnceLock<Option<&AtomicI64>> = OnceLock::new();
    // SAFETY: the kernel checks what it is given.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    if result == 0
        && clock == libc::CLOCK_REALTIME
        && let Some(offset) = OFFSET.get_or_init(map)
    {
        // SAFETY: the kernel has just written there.
        unsafe { (*time).tv_sec += offset.load(Ordering::Relaxed) };
    }
    c_int::from(result == 0) - 1
}

/// Maps the file, for as long as the program lives. What this calls never asks for the time.
fn map() -> Option<&'static AtomicI64> {
    // SAFETY: the name ends with NUL; what is found outlives the next line, as nothing changes the environment so early.
    let path = unsafe { libc::getenv(FILE.as_ptr()).as_ref() }?;
    // SAFETY: the environment's texts end with NUL.
    let file = unsafe { libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    let (length, shared) = (size_of::<AtomicI64>(), libc::MAP_SHARED);
    // SAFETY: a new mapping, which nothing else refers to.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, shared, file, 0) };
    // SAFETY: the mapping stays without it.
    unsafe { libc::close(file) };
    // SAFETY: the file has eight bytes and is never cut; the mapping is aligned to pages, and only read.
    (mapped != libc::MAP_FAILED).then(|| unsafe { &*mapped.cast::<AtomicI64>() })
}
