//! Who gets runs, keeps them and has a vote; and whose clock counts.

use tokio::sync::watch;

use super::*;
use crate::{PassedOver, View};

impl Node {
    fn view(&self) -> watch::Receiver<View> {
        self.replica.presence().view()
    }

    /// Sets the clock of this node, by so many milliseconds from what it is.
    fn set_clock(&self, ms: i64) {
        self.clock.0.store(ms, Ordering::Relaxed);
    }

    /// The machine of this node goes on after it was suspended for so long: what of its clocks counts that shows it.
    fn goes_on_after(&self, ms: i64) {
        self.clock.1.store(ms, Ordering::Relaxed);
        self.set_clock(ms);
    }

    /// Says that this node is about to stop, and waits until the leader knows.
    async fn stops(&self) {
        self.replica.presence().announce_stop();
        self.replica.presence().stop_is_known().await;
    }

    /// What this leader says is wrong with a member.
    fn problems_of(&self, name: &str) -> Vec<String> {
        let mut members = self.replica.presence().report().members;
        members.remove(&named(name)).unwrap_or_default().problems
    }
}

impl Cluster {
    /// Has a node lead, and waits until all that are here know.
    async fn lead(&self, name: &str) {
        let membership = self.node(name).replica.membership();
        membership.transfer(Some(named(name))).await.expect("it is handed over");
        until(&format!("all to know that {name} leads"), || async {
            self.nodes.values().all(|node| node.replica.status().leader == Some(named(name)))
        })
        .await;
    }

    /// Waits until a node sees the cluster so.
    async fn sees(&self, name: &str, what: &str, wanted: impl Fn(&View) -> bool) {
        let mut view = self.node(name).view();
        let seen = tokio::time::timeout(PATIENCE, view.wait_for(wanted)).await;
        assert!(seen.is_ok(), "{name} was to see {what}, and sees {:?}", self.node(name).view().borrow());
    }

    /// Waits until a leader gives runs to exactly these, in order.
    async fn gives_runs_to(&self, leader: &str, names: &[&str]) {
        self.sees(leader, &format!("{names:?} live"), |view| view.live.iter().eq(names.iter())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_leader_remembers_nobody_as_leaving() {
    let mut cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    cluster.node("three").stops().await;
    cluster.gives_runs_to("one", &["one", "two"]).await;
    assert_eq!(cluster.node("one").view().borrow().leaving, ["three"]);
    // Whoever leads next knows too.
    cluster.lead("two").await;
    cluster.sees("two", "three leaving", |view| view.leaving == ["three"]).await;
    cluster.nodes.remove("three").expect("a node").replica.shutdown().await;
    cluster.start("three", false).await;
    cluster.formed(3).await;
    cluster.gives_runs_to("two", &["one", "three", "two"]).await;
    cluster.lead("one").await;
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_about_to_stop_gives_itself_no_runs() {
    let cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    cluster.node("one").stops().await;
    assert_eq!(cluster.node("one").view().borrow().leaving, ["one"], "it knows when this returns");
    cluster.lead("two").await;
    cluster.sees("two", "one leaving", |view| view.leaving == ["one"]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_joins_gets_no_runs_before_it_has_what_there_is() {
    let mut cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.hub.break_bodies(Some(0));
    cluster.start("four", false).await;
    cluster
        .sees("one", "four behind", |view| view.passed_over == [(named("four"), PassedOver::Behind)])
        .await;
    assert_eq!(cluster.node("one").view().borrow().live, ["one", "three", "two"]);
    let says = || async {
        let problems = cluster.node("one").problems_of("four");
        problems.iter().any(|problem| problem.starts_with("four is ") && problem.contains(" behind"))
    };
    until("it to say what is wrong with four", says).await;
    assert!(cluster.node("one").problems_of("two").is_empty());
    cluster.sees("four", "a fence, for it is counted on no more", |view| view.fenced).await;
    cluster.hub.break_bodies(None);
    cluster.gives_runs_to("one", &["four", "one", "three", "two"]).await;
    cluster.sees("four", "no fence", |view| !view.fenced).await;
    assert!(cluster.node("one").problems_of("four").is_empty());
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_takes_no_writes_gets_neither_runs_nor_a_vote() {
    let mut cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.start("four", false).await;
    cluster.formed(4).await;
    cluster.gives_runs_to("one", &["four", "one", "three", "two"]).await;
    let full = cluster.node("four");
    let room = full.log().storage.state.call(|state| state.room.clone()).await.expect("the node lives");
    room.store(0, Ordering::Relaxed);
    cluster.node("one").write(1).await;
    cluster
        .sees("one", "four full", |view| view.passed_over == [(named("four"), PassedOver::DiskFull)])
        .await;
    let said = "the disk of four is full: it takes no writes, and it gets no new runs";
    assert!(cluster.node("one").problems_of("four").iter().any(|problem| problem == said));
    // Its log has everything, and a vote is free.
    cluster.node("one").replica.membership().remove(&named("two")).await.expect("it is removed");
    cluster.start("five", false).await;
    let votes = |name| cluster.node("one").member(name).is_some_and(|it| it.role == Role::Voter);
    until("five has a vote", || async { votes("five") }).await;
    assert!(!votes("four"));
    room.store(i64::MAX, Ordering::Relaxed);
    cluster.gives_runs_to("one", &["five", "four", "one", "three"]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_heard_and_applies_nothing_is_fenced_before_others_take_over() {
    let cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    let hung = cluster.node("three");
    cluster.sees("three", "no fence", |view| !view.fenced).await;
    // Its state is held up, and its log goes on.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let state = hung.log().storage.state.clone();
    let holding = tokio::spawn(async move { state.call(move |_| held.recv()).await });
    cluster.node("one").write(1).await;
    cluster
        .sees("one", "three behind", |view| view.passed_over == [(named("three"), PassedOver::Behind)])
        .await;
    cluster.sees("one", "three silent", |view| view.silent == ["three"]).await;
    assert!(hung.view().borrow().fenced, "it fires nothing any more");
    assert!(!hung.log().is_cut_off(), "it hears the leader all the while");
    let said = cluster.node("one").problems_of("three").concat();
    let (middle, end) = (" behind and has applied none for ", ": it must not fire, and others fire its runs");
    assert!(said.starts_with("three is ") && said.contains(middle) && said.ends_with(end), "{said}");

    release.send(()).expect("it is held up");
    let released = holding.await.expect("it ends").expect("the node lives");
    assert_eq!(released, Ok(()));
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    cluster.sees("three", "no fence", |view| !view.fenced).await;
    assert_eq!(hung.jobs(), 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_off_gives_its_runs_up_until_it_is_right() {
    let cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    let off = cluster.node("three");
    cluster.sees("three", "no fence", |view| !view.fenced).await;
    off.set_clock(-60_000);
    cluster
        .sees("one", "three off", |view| view.passed_over == [(named("three"), PassedOver::ClockOff)])
        .await;
    cluster.sees("one", "three silent", |view| view.silent == ["three"]).await;
    assert!(off.view().borrow().fenced, "it fires nothing any more");
    let said = cluster.node("one").problems_of("three").concat();
    assert!(
        said.starts_with("the clock of three is ") && said.contains(" s behind that of the majority: "),
        "{said}"
    );
    off.set_clock(1_000);
    cluster.gives_runs_to("one", &["one", "three", "two"]).await;
    cluster.sees("three", "no fence", |view| !view.fenced).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_clock_is_off_plans_nothing_and_hands_over_the_lead() {
    let cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.sees("one", "that it may plan", |view| view.may_plan).await;
    cluster.node("one").write(1).await;
    cluster.node("one").set_clock(86_400_000);
    for number in 2..=20 {
        cluster.node("two").write(number).await;
    }
    until("another leads", || async {
        let leads = |name| cluster.node(name).replica.is_leader();
        !leads("one") && (leads("two") || leads("three"))
    })
    .await;
    let last_at = cluster.node("two").replica.last_at();
    assert!(last_at < Env::real().now() + 60_000, "nothing was written down with the time of tomorrow");
    let (leader, _) = cluster.roles("two");
    cluster.sees(&leader, "one silent", |view| view.silent == ["one"] && view.may_plan).await;
    assert!(cluster.node("one").view().borrow().fenced);
    // It has a vote as before, and where it comes to lead it hands over again.
    let asked = cluster.node(&leader).replica.membership();
    asked.transfer(Some(named("one"))).await.expect("it is handed over");
    until("another leads again", || async {
        let leads = |name| cluster.node(name).replica.is_leader();
        !leads("one") && (leads("two") || leads("three"))
    })
    .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_counts_while_the_machines_are_suspended() {
    const SUSPENDED_MS: i64 = 4_000;
    let cluster = Cluster::of_three().await;
    cluster.lead("one").await;
    cluster.sees("one", "that it may plan", |view| view.may_plan).await;
    for node in cluster.nodes.values() {
        node.goes_on_after(SUSPENDED_MS);
    }
    // At once, and not when the clocks have been compared.
    let (now, time) = (Env::real().now(), cluster.node("one").replica.time());
    assert!(time >= now + SUSPENDED_MS, "{} ms", time - now);
    cluster.stop().await;
}
