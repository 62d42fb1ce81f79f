//! Pieces of work that stop in the middle, while simulated time goes on. Each of them has a stack of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::time::Duration;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Room for SQLite below the deepest of our own calls, in a debug build.
const STACK: usize = 2 << 20;

type Work = Coroutine<(), Duration, (), DefaultStack>;

thread_local! {
    /// The pieces that have stopped. One whose node has ended stays here for ever: its stack holds frames of C,
    /// through which nothing can unwind.
    static STOPPED: RefCell<(u64, BTreeMap<u64, ManuallyDrop<Work>>)> =
        const { RefCell::new((0, BTreeMap::new())) };
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

/// The piece that runs now.
#[derive(Clone, Copy)]
struct Running {
    yielder: *const Yielder<(), Duration>,
    writes: u64,
}

/// A piece that has stopped.
pub(super) struct Piece(u64);

/// Does a piece of work, until it is done or stops. Answers with how long it stops.
pub(super) fn begin(work: Box<dyn FnOnce() + Send>) -> Option<(Piece, Duration)> {
    let stack = DefaultStack::new(STACK).expect("memory for a stack");
    resume(Coroutine::with_stack(stack, move |yielder: &Yielder<(), Duration>, ()| {
        RUNNING.set(Some(Running { yielder, writes: 0 }));
        let _end = End;
        work();
    }))
}

/// Goes on with a piece where it stopped.
pub(super) fn go_on(Piece(number): Piece) -> Option<(Piece, Duration)> {
    let piece = STOPPED.with_borrow_mut(|(_, pieces)| pieces.remove(&number))?;
    resume(ManuallyDrop::into_inner(piece))
}

fn resume(mut piece: Work) -> Option<(Piece, Duration)> {
    match piece.resume(()) {
        CoroutineResult::Return(()) => None,
        CoroutineResult::Yield(pause) => STOPPED.with_borrow_mut(|(last, pieces)| {
            *last += 1;
            pieces.insert(*last, ManuallyDrop::new(piece));
            Some((Piece(*last), pause))
        }),
    }
}

/// How many writes of its transaction the piece that runs has done. `None` where what runs has no stack of its own, and
/// so cannot stop.
pub(super) fn writes() -> Option<u64> {
    RUNNING.get().map(|running| running.writes)
}

/// Sets how many they are.
pub(super) fn set_writes(writes: u64) {
    RUNNING.set(RUNNING.get().map(|running| Running { writes, ..running }));
}

/// Stops the piece that runs, until this much simulated time has passed.
pub(super) fn stop_for(pause: Duration) {
    let Some(running) = RUNNING.take() else { return };
    // SAFETY: `begin` set the pointer on the stack that runs now, and the yielder lives as long as the work on that
    // stack does. Whenever another stack runs, `RUNNING` is another piece's or empty.
    unsafe { (*running.yielder).suspend(pause) };
    RUNNING.set(Some(running));
}

/// The end of a piece of work, also where it panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        RUNNING.set(None);
    }
}
