//! Fills the cluster in one seed of ten: jobs with large bodies, most of which fall due at the same instant. So a
//! copy of the state takes longer than the log is kept, and what is due at once is planned in several parts.

use std::rc::Rc;
use std::time::Duration;

use chronos_client::Method;
use serde_json::json;

use crate::ledger::Ledger;
use crate::receiver;
use crate::web::ask;
use crate::world::{at_ms, since_start};

/// Jobs. A command changes at most 1,000 rows, and a run that is planned changes two or three.
const JOBS: usize = 600;
/// The bytes of a job's body. All jobs together have several megabytes.
const BODY: usize = 8 << 10;
/// How many are created at once.
const AT_ONCE: usize = 4;
/// All of the jobs are due at a multiple of this after the start of the run: most of them at the first.
const WAVE: Duration = Duration::from_secs(10);
/// How long after its creation a job is due at least.
const AHEAD: Duration = Duration::from_millis(2_500);
/// Between attempts to create a job.
const PAUSE: Duration = Duration::from_millis(200);

/// Creates the jobs. Gives up when the faults are over.
pub(crate) async fn work(ledger: Ledger, nodes: usize) -> turmoil::Result {
    let body: Rc<str> = "x".repeat(BODY).into();
    let mut creating = Vec::new();
    for first in 0..AT_ONCE {
        let (ledger, body) = (ledger.clone(), Rc::clone(&body));
        creating.push(tokio::task::spawn_local(async move {
            for number in (first..JOBS).step_by(AT_ONCE) {
                create(&ledger, number, nodes, &body).await;
            }
        }));
    }
    for done in creating {
        done.await?;
    }
    ledger.count("large_state");
    ledger.note("the large jobs are there");
    Ok(())
}

/// Creates a job at one node after the other.
async fn create(ledger: &Ledger, number: usize, nodes: usize, body: &str) {
    let mut at = number;
    while !ledger.with(|seen| seen.calm) {
        at += 1;
        let job = json!({
            "name": format!("bulk-{number}"),
            "schedule": format!("@at {}", next_wave()),
            "webhook": {"url": receiver::url("/hook"), "method": "POST", "body": body},
            "timeout": "3s",
            "retry_policy": {"max_attempts": 4, "initial_interval": "500ms", "max_interval": "2s"},
            "concurrency": "allow",
            "missed_runs": "execute_all",
        });
        let answer = ask(&format!("n{}", at % nodes + 1), Method::POST, "/api/v1/jobs", Some(&job)).await;
        // 409: an earlier attempt was done, and not answered.
        if matches!(answer, Some((201 | 409, _))) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The next instant at which these jobs are due.
fn next_wave() -> String {
    let waves = (since_start() + AHEAD).as_millis() / WAVE.as_millis() + 1;
    let at = WAVE * u32::try_from(waves).unwrap_or(u32::MAX);
    chronos_types::format_rfc3339(at_ms(at))
}
