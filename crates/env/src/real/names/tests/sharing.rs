//! One question per name, and so many at a time.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn all_who_wait_for_a_name_share_one_question() {
    let server = NameServer::silent().await;
    let setup = Setup::at(&server, patient());
    let all = join_all((0..600).map(|_| setup.find("a.test")));
    let answer = async {
        server.until_asked(2).await;
        assert_eq!(setup.metric("name_questions_running"), 1);
        // What was asked is asked again in a while, and answered then.
        server.script(|asked| Reply::addresses(asked, 60, &["192.0.2.1"]));
    };
    let (all, ()) = tokio::join!(all, answer);
    for found in all {
        assert_eq!(found.expect("the answer"), ["192.0.2.1"]);
    }
    // A question over UDP is sent at most twice, for each family.
    assert!(server.asked().len() <= 4, "{:?}", server.asked());
    // And from now on it is known.
    let before = server.asked().len();
    assert_eq!(setup.find("a.test").await.expect("it is kept"), ["192.0.2.1"]);
    assert_eq!(server.asked().len(), before);
    assert_eq!(setup.metric("name_questions_total{outcome=\"found\"}"), 1);
}

#[tokio::test]
async fn a_question_ends_with_the_last_who_waits_for_it() {
    let server = NameServer::silent().await;
    let setup = Setup::at(&server, patient());
    let (first, second) = (setup.find("a.test"), setup.find("a.test"));
    {
        let (mut first, mut second) = (Box::pin(first), Box::pin(second));
        let wait = server.until_asked(2);
        tokio::select! {
            _ = &mut first => panic!("it is silent"),
            _ = &mut second => panic!("it is silent"),
            () = wait => {}
        }
        drop(first);
        assert_eq!(setup.metric("name_questions_running"), 1);
        // The other waits on, and gets the answer.
        server.script(|asked| Reply::addresses(asked, 0, &["192.0.2.1"]));
        assert_eq!(second.await.expect("the answer"), ["192.0.2.1"]);
    }
    assert_eq!(setup.metric("name_questions_running"), 0);
    server.script(|_| Reply::Silence);
    let before = server.asked().len();
    tokio::select! {
        _ = setup.find("b.test") => panic!("it is silent"),
        () = server.until_asked(before + 2) => {}
    }
    assert_eq!(setup.metric("name_questions_running"), 0);
}

#[tokio::test]
async fn a_question_ends_when_its_time_is_over() {
    let server = NameServer::silent().await;
    let limits = Limits { question: Duration::from_millis(300), ..patient() };
    let setup = Setup::at(&server, limits);
    for found in join_all((0..100).map(|_| setup.find("a.test"))).await {
        assert_eq!(found.expect_err("silence").to_string(), "no name server answered within 0.3 s");
    }
    assert_eq!(setup.metric("name_questions_running"), 0);
    assert_eq!(setup.metric("name_questions_total{outcome=\"failed\"}"), 1);
    // The file may ask for less patience than that.
    let conf = "nameserver 127.0.0.1\noptions timeout:1 attempts:1";
    let setup = Setup::new(server.address, conf, patient());
    assert_eq!(setup.fails("a.test").await, "no name server answered within 1 s");
}

/// A server that is silent about all names but those that begin with `good`.
async fn half_silent() -> NameServer {
    NameServer::start(|asked| match asked.name.starts_with("good") {
        true => Reply::addresses(asked, 60, &["192.0.2.1"]),
        false => Reply::Silence,
    })
    .await
}

#[tokio::test]
async fn names_whose_servers_are_silent_do_not_keep_others_waiting() {
    let server = half_silent().await;
    let limits =
        Limits { quick: Duration::from_millis(200), quick_questions: 8, slow_questions: 2, ..patient() };
    let setup = Setup::at(&server, limits);
    let silent: Vec<String> = (0..50).map(|n| format!("bad{n}.test")).collect();
    let all = join_all(silent.iter().map(|name| setup.find(name)));
    let good = async {
        setup.until_under_way(50).await;
        for n in 0..10 {
            assert_eq!(setup.find(&format!("good{n}.test")).await.expect("an answer"), ["192.0.2.1"]);
        }
        assert_eq!(setup.metric("name_questions_running"), 50, "the others wait on");
    };
    tokio::select! {
        _ = all => panic!("they are silent"),
        () = good => {}
    }
    assert_eq!(setup.metric("name_questions_running"), 0);
}

#[tokio::test]
async fn what_had_no_turn_says_so() {
    let server = half_silent().await;
    let limits = Limits { question: Duration::from_millis(100), quick_questions: 0, ..patient() };
    let setup = Setup::at(&server, limits);
    let error = "too many names are looked up at once; its turn did not come within 0.1 s";
    assert_eq!(setup.fails("good.test").await, error);
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn a_name_that_was_slow_waits_with_the_slow_and_others_do_not() {
    let server = half_silent().await;
    let limits = Limits {
        question: Duration::from_millis(300),
        quick_questions: 1,
        slow_questions: 0,
        again: (Duration::ZERO, Duration::ZERO),
        ..patient()
    };
    let setup = Setup::at(&server, limits);
    assert_eq!(setup.fails("bad.test").await, "no name server answered within 0.3 s");
    // From now on it takes no place among the quick ones.
    let before = server.asked().len();
    let (bad, good) = tokio::join!(setup.fails("bad.test"), setup.find("good.test"));
    assert_eq!(bad, "too many names are looked up at once; its turn did not come within 0.3 s");
    assert_eq!(good.expect("an answer"), ["192.0.2.1"]);
    assert!(server.asked()[before..].iter().all(|asked| asked.name == "good.test"));
}

#[tokio::test]
async fn addresses_that_ran_out_are_used_while_the_name_servers_fail() {
    use hickory_resolver::proto::op::ResponseCode;
    let ip = ["192.0.2.1"];
    let at_once = (Duration::ZERO, Duration::ZERO);
    let server = half_silent().await;
    let limits = Limits { positive: at_once, ..patient() };
    // They answer with an error.
    let setup = Setup::at(&server, limits);
    assert_eq!(setup.find("good.test").await.expect("an answer"), ip);
    server.script(|_| Reply::Code(ResponseCode::ServFail));
    assert_eq!(setup.find("good.test").await.expect("what ran out"), ip);
    assert_eq!(setup.metric("name_lookups_stale_total"), 1);
    // They say that the name is gone. That is an answer.
    let setup = Setup::at(&server, limits);
    server.script(move |asked| Reply::addresses(asked, 60, &ip));
    assert_eq!(setup.find("good.test").await.expect("an answer"), ip);
    server.script(|_| Reply::Code(ResponseCode::NXDomain));
    assert_eq!(setup.fails("good.test").await, "no such name");
    // They do not answer. The first caller waits a moment; the question goes on without it.
    let setup = Setup::at(&server, Limits { stale_after: Duration::from_millis(50), ..limits });
    server.script(move |asked| Reply::addresses(asked, 60, &ip));
    assert_eq!(setup.find("good.test").await.expect("an answer"), ip);
    server.script(|_| Reply::Silence);
    for _ in 0..100 {
        assert_eq!(setup.find("good.test").await.expect("what ran out"), ip);
    }
    assert_eq!(setup.metric("name_lookups_stale_total"), 100);
    assert_eq!(setup.metric("name_questions_running"), 1);
    server.script(|asked| Reply::addresses(asked, 60, &["192.0.2.2"]));
    setup.until_under_way(0).await;
    assert_eq!(setup.find("good.test").await.expect("the new answer"), ["192.0.2.2"]);
}
