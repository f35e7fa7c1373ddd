//! Large buffers that leave nothing behind.

const MIB: usize = 1024 * 1024;

/// How much address space is set apart for a buffer. Only what is written takes memory.
///
/// The allocator of glibc gives what is larger than 32 MiB a mapping of its own, which ends with the buffer
/// (`DEFAULT_MMAP_THRESHOLD_MAX` for 64 bits, mallopt(3)). Of what is smaller it learns, once it is given back, to keep as much
/// for next time, in each of its arenas: with buffers of a few MiB that adds up to more than a hundred.
const APART: usize = 33 * MIB;

/// An empty vector for up to 32 MiB; `None` when there is no address space left.
pub(super) fn spacious<T>() -> Option<Vec<T>> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(APART / size_of::<T>()).ok()?;
    Some(vec)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_buffer_is_larger_than_what_the_allocator_keeps_whatever_it_is_of() {
        let (bytes, words) = (spacious::<u8>().unwrap(), spacious::<[u32; 7]>().unwrap());
        assert!(bytes.is_empty() && bytes.capacity() > 32 * MIB);
        assert!(words.is_empty() && words.capacity() * size_of::<[u32; 7]>() > 32 * MIB);
    }
}
