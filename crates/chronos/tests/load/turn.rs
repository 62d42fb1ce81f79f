//! One test at a time.

use chronos_testkit::load::{Dice, number};
use chronos_testkit::now_ms;
use tokio::sync::{Mutex, MutexGuard};

/// One at a time: each keeps the machine busy.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The turn of a test, which is over when this is dropped, and its choices.
pub async fn begin(test: &str) -> (MutexGuard<'static, ()>, Dice) {
    let turn = ALONE.lock().await;
    let seed = number("CHRONOS_SEED").unwrap_or_else(|| now_ms().cast_unsigned());
    println!("to repeat: CHRONOS_SEED={seed} cargo test --package chronos --test load {test}");
    (turn, Dice::new(seed))
}
