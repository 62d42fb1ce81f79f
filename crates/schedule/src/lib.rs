//! When a job runs: cron expressions, `@every` and `@at`, in any IANA time zone, across daylight saving.
//!
//! A text is parsed once into a [`Schedule`] (32 bytes of bit sets), which then tells which instant comes next. All
//! instants are Unix milliseconds. The crate is pure: it never reads a clock, never reads the machine's time zone database
//! and keeps no state. So every node computes the same.
//!
//! ```
//! use chronos_schedule::{Schedule, Zone};
//!
//! let schedule = Schedule::parse("0 9 * * 1-5")?;
//! let zone = Zone::parse("America/New_York")?;
//! let next = schedule.next_after(&zone, 0, 1_795_435_200_000).unwrap();
//! assert_eq!(zone.format_rfc3339(next), "2026-11-23T09:00:00-05:00");
//! assert_eq!(schedule.describe(), "At 09:00, Monday through Friday");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | `field` | the fields of a cron expression, and their values |
//! | `grammar` | how the text of one field is read |
//! | `cron` | six bit sets, and the local times they match |
//! | `calendar` | weekdays, the years that are searched, searches in bit sets |
//! | `zone` | offsets and transitions |
//! | `near` | those around some instants, looked up once |
//! | `eval` | which instants belong to the local times: the daylight saving rules |
//! | `every` | the periods of `@every` |
//! | `dst` | what a change of the clock does to a run, in words |
//! | `warnings` | what is odd about a schedule |
//! | `describe` | plain English |
//! | `schedule` | the schedule as a whole, of whichever kind |

mod calendar;
mod cron;
mod describe;
mod dst;
mod error;
mod eval;
mod every;
mod field;
mod grammar;
mod near;
mod schedule;
mod warnings;
mod zone;

pub use dst::{ClockChange, ClockEffect};
pub use error::{MAX_LEN, ParseError};
pub use field::Field;
pub use schedule::Schedule;
pub use warnings::Warning;
pub use zone::{Zone, ZoneError, tz_release};
