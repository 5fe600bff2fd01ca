//! Has the allocator keep what is given back, where large buffers come and go all the time.
//!
//! Holds nothing itself. Waits never. Loses nothing.

/// What is kept at the end of each heap once it is free: eight requests of usual size, which may be on their
/// way at once. A heap may keep twice as much.
const KEPT_BYTES: usize = 4 << 20;

/// Has the allocator keep some MiB of freed memory for buffers to come, for the rest of the process.
///
/// Each received request is a buffer of some hundred KiB. glibc gives such memory back to the kernel as soon as
/// it is free, and gets it anew for the next request, page by page: that was 7 % of the CPU time of `serve` in a
/// profile, and two fifths of a sink's. How much it keeps follows the largest block that was
/// given back (up to 32 MiB, `mallopt(3)`: `M_MMAP_THRESHOLD` is dynamic, and `M_TRIM_THRESHOLD` twice that), so one such
/// block is asked for and given back. It is never written to, so it costs no memory. Other allocators, and
/// glibc where `MALLOC_*` variables say otherwise, do as they do.
pub(crate) fn keep() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_BYTES)));
}
