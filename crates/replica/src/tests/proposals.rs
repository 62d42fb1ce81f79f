//! Commands wait in lines: the class decides which go first, and each line has an end.

use std::pin::Pin;
use std::sync::mpsc;

use chronos_state::{Command, JobSeq, Plan, PlanStep, Proposal, Trim};
use futures::future::join_all;
use futures::poll;

use super::*;

type Proposed = Pin<Box<dyn Future<Output = Result<Outcome, ProposeError>> + Send>>;

impl Node {
    /// Holds back the state, so that the next batch stays under way until the gate is dropped.
    fn hold_back(&self) -> mpsc::Sender<()> {
        let (gate, opened) = mpsc::channel::<()>();
        self.log().storage.state.cast(move |_| while opened.recv().is_ok() {}).expect("the node lives");
        gate
    }

    /// Proposes a command. It is in its line when this returns.
    async fn line_up(&self, proposal: Proposal) -> Proposed {
        let proposer = self.proposer.clone();
        // Unconstrained: else tokio has the test give way, and it is not in its line yet.
        let propose = tokio::task::unconstrained(async move { proposer.propose(proposal).await });
        let mut proposed: Proposed = Box::pin(propose);
        assert!(poll!(&mut proposed).is_pending());
        proposed
    }

    /// Proposes a job, and returns when it is in the log.
    async fn under_way(&self, number: i64) -> Proposed {
        let before = self.log().figures().last_log_index;
        let proposed = self.line_up(job(number, "")).await;
        self.until(|now| now.last_log_index > before).await;
        proposed
    }
}

fn job(number: i64, text: &str) -> Proposal {
    put_job(number, text).items.remove(0)
}

fn plan() -> Proposal {
    Command::Plan(Plan { steps: Vec::new() }).into()
}

/// Ten rows of a job that is not there.
fn ten_rows() -> Proposal {
    let job = JobSeq::new(1 << 40);
    let step = PlanStep { job, version: 1, from: 1, next_due: None, missed: None, run: None };
    Command::Plan(Plan { steps: vec![step; 10] }).into()
}

/// Forgets so many executions that are not there.
fn trim_of(rows: i64) -> Proposal {
    let executions = (0..rows).map(|n| (1 << 40) + n).collect();
    let trim = Trim { executions, versions: Vec::new(), jobs: Vec::new(), keys_before: 0 };
    Command::Trim(trim).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_go_before_what_clients_write_and_leave_them_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let gate = node.hold_back();
    let mut proposed = vec![node.under_way(1).await];
    for proposal in [trim_of(1_000), trim_of(1)] {
        proposed.push(node.line_up(proposal).await);
    }
    for number in 2..=1_501 {
        proposed.push(node.line_up(job(number, "")).await);
    }
    for _ in 0..410 {
        proposed.push(node.line_up(ten_rows()).await);
    }
    drop(gate);
    for outcome in join_all(proposed).await {
        outcome.expect("accepted");
    }
    let batches: Vec<(usize, usize, usize)> = lock(&node.applied)
        .iter()
        .map(|batch| {
            let plans = batch.outcomes.iter().take_while(|outcome| **outcome == Outcome::Done).count();
            let jobs = batch.outcomes[plans..].iter().take_while(|outcome| is_created(outcome)).count();
            (plans, jobs, batch.outcomes.len() - plans - jobs)
        })
        .collect();
    // The batch under way; then one full of plans, with some room for clients and a whole command of the slow loops;
    // then the rest.
    assert_eq!(batches, [(0, 1, 0), (400, 250, 1), (10, 1_000, 1), (0, 250, 0)]);
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_line_is_full_is_told_and_plans_are_taken_all_the_same() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let gate = node.hold_back();
    let mut proposed = vec![node.under_way(1).await];
    let large = "x".repeat(1 << 20);
    for number in 2..=16 {
        proposed.push(node.line_up(job(number, &large)).await);
    }
    let refused = node.proposer.propose(job(17, &large)).await.expect_err("no room");
    assert!(matches!(&refused, ProposeError::Busy(why) if why.contains("too many writes")), "{refused:?}");
    // A smaller one still finds room, and a plan has a line of its own.
    proposed.push(node.line_up(job(18, "")).await);
    proposed.push(node.line_up(plan()).await);
    drop(gate);
    for outcome in join_all(proposed).await {
        outcome.expect("accepted");
    }
    assert_eq!(node.jobs(), 17, "all but the one that was refused");
    node.proposer.propose(job(17, &large)).await.expect("accepted now");
    node.replica.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_for_one_entry_is_refused_with_its_size_and_the_limit() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path()).await;
    let refused = node.proposer.propose(job(1, &"x".repeat(3 << 20))).await.expect_err("refused");
    assert!(
        matches!(refused, ProposeError::TooLarge { bytes, limit } if bytes > 3 << 20 && limit == 2 << 20),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("expected at most 2097152"), "{refused}");
    // Together they are too large, and each by itself is not.
    let some: Vec<Proposal> = (1..=3).map(|number| job(number, &"x".repeat(1 << 20))).collect();
    let refused = node.proposer.propose_all(some.clone()).await.expect_err("refused");
    assert!(matches!(refused, ProposeError::TooLarge { .. }), "{refused:?}");
    for proposal in some {
        node.proposer.propose(proposal).await.expect("accepted");
    }
    assert_eq!(node.jobs(), 3);
    node.replica.shutdown().await;
}
