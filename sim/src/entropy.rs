//! The one source of randomness of a run. It also serves what libraries draw for themselves: the keys of hash
//! maps, the order in which `select!` looks at its branches, openraft's election timeouts.
//!
//! All of them call getrandom(2). This file replaces the C library's function with a generator of its own, on
//! threads that asked for it. Other threads get the kernel's random bytes.

use std::cell::Cell;
use std::io::Read as _;

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on, the random bytes of this thread follow from `seed`.
pub(crate) fn seed(seed: u64) {
    STATE.set(Some(seed));
}

/// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Fills `bytes` with the next random bytes of this thread.
pub(crate) fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    // While a thread ends, its state may be gone. Nothing of the run happens then.
    let Ok(Some(mut state)) = STATE.try_with(Cell::get) else {
        return std::fs::File::open("/dev/urandom")?.read_exact(bytes);
    };
    for chunk in bytes.chunks_mut(8) {
        let drawn = next(&mut state).to_le_bytes();
        chunk.copy_from_slice(&drawn[..chunk.len()]);
    }
    let _ = STATE.try_with(|own| own.set(Some(state)));
    Ok(())
}

/// Replaces the C library's function.
///
/// # Safety
/// As for getrandom(2), `buffer` must have room for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if length == 0 {
        return 0;
    }
    // SAFETY: the caller promises the room, and the memory is written before it is read.
    let bytes = unsafe {
        buffer.write_bytes(0, length);
        std::slice::from_raw_parts_mut(buffer, length)
    };
    match fill(bytes) {
        Ok(()) => isize::try_from(length).unwrap_or(isize::MAX),
        Err(_) => -1,
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::seed;

    #[test]
    fn hash_keys_follow_from_the_seed() {
        let drawn = |number| {
            let draw = move || {
                seed(number);
                RandomState::new().hash_one(0)
            };
            std::thread::spawn(draw).join().expect("a thread")
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
