//! Which tokens are kept, and who fetches one.

use std::sync::atomic::AtomicUsize;

use chronos_types::Response;
use futures::future::join_all;
use tokio::time::{advance, sleep, timeout};

use super::*;

const KEY: GrantKey = [7; 32];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Counts fetches, each of which takes a second.
#[derive(Default)]
struct Endpoint(AtomicUsize);

impl Endpoint {
    async fn asked(&self) -> usize {
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        sleep(ms(1_000)).await;
        number
    }

    /// It gives a token that lives for so many seconds, or does not say for how many.
    async fn grants(&self, lives: Option<u64>) -> Result<Granted, NoToken> {
        let token = format!("t{}", self.asked().await);
        Ok(Granted { token, lives: lives.map(Duration::from_secs) })
    }

    async fn fails(&self) -> Result<Granted, NoToken> {
        let why = format!("failure {}", self.asked().await);
        Err(Outcome::failed(ErrorKind::Auth, why).into())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// What an attempt gets.
async fn get(tokens: &Tokens, endpoint: &Endpoint) -> Bearer {
    tokens.of(KEY, endpoint.grants(Some(3_600))).await.expect("a token")
}

fn answered(status: u16, failure: Option<ErrorKind>) -> Outcome {
    let response = Response { status_code: status, ..Response::default() };
    let failure = failure.map(|kind| (kind, status.to_string()));
    Outcome { response, failure, ..Outcome::failed(ErrorKind::Status, String::new()) }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_that_wait_have_one_token_fetched() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let all = join_all((0..100).map(|_| get(&tokens, &endpoint))).await;
    assert!(all.iter().all(|bearer| bearer.token() == "t1" && !bearer.is_kept));
    let next = get(&tokens, &endpoint).await;
    assert!(next.token() == "t1" && next.is_kept);
    assert_eq!(endpoint.count(), 1);
    // Another grant has another token.
    let other = tokens.of([8; 32], endpoint.grants(None)).await.expect("a token");
    assert_eq!((other.token(), endpoint.count()), ("t2", 2));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    for (lives, kept) in
        [(Some(3_600), 3_570), (Some(60), 45), (Some(4), 3), (None, 300), (Some(u64::MAX), 24 * 3_600 - 30)]
    {
        let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
        let ask = || tokens.of(KEY, endpoint.grants(lives));
        ask().await.expect("a token");
        // It counts from when it was asked for.
        advance(Duration::from_secs(kept - 1) - ms(10)).await;
        assert!(ask().await.expect("a token").is_kept, "{lives:?}");
        advance(ms(10)).await;
        assert!(!ask().await.expect("a token").is_kept, "{lives:?}");
        assert_eq!(endpoint.count(), 2, "{lives:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_live_is_good_for_those_who_wait() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let all = join_all((0..3).map(|_| tokens.of(KEY, endpoint.grants(Some(0))))).await;
    assert!(all.into_iter().all(|bearer| bearer.expect("a token").token() == "t1"));
    let next = tokens.of(KEY, endpoint.grants(Some(0))).await.expect("a token");
    assert!(next.token() == "t2" && !next.is_kept);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_who_waited_and_is_not_kept() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    for number in 1..3 {
        let all = join_all((0..3).map(|_| tokens.of(KEY, endpoint.fails()))).await;
        for result in all {
            match result {
                Err(NoToken::Failed(outcome)) => {
                    assert_eq!(outcome.failure, Some((ErrorKind::Auth, format!("failure {number}"))));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(endpoint.count(), number);
    }
    assert_eq!(get(&tokens, &endpoint).await.token(), "t3");
}

#[tokio::test(start_paused = true)]
async fn where_the_time_of_the_one_who_fetches_is_over_the_next_one_does() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let first = timeout(ms(100), get(&tokens, &endpoint));
    let (first, second, third) = tokio::join!(first, get(&tokens, &endpoint), get(&tokens, &endpoint));
    assert!(first.is_err());
    assert_eq!((second.token(), third.token(), endpoint.count()), ("t2", "t2", 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_may_not_ask_says_nothing_for_the_others() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let withheld = tokens.of(KEY, async { Err(NoToken::Withheld) });
    let (withheld, other) = tokio::join!(withheld, get(&tokens, &endpoint));
    assert!(matches!(withheld, Err(NoToken::Withheld)), "{withheld:?}");
    assert_eq!(other.token(), "t1");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_target_refuses_is_kept_no_longer() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let refused = || answered(401, Some(ErrorKind::Status));
    let new = get(&tokens, &endpoint).await;
    let kept = get(&tokens, &endpoint).await;
    for outcome in
        [answered(403, Some(ErrorKind::Status)), answered(401, None), answered(0, Some(ErrorKind::Timeout))]
    {
        assert_eq!(kept.judged(outcome.clone()), outcome);
    }
    assert!(get(&tokens, &endpoint).await.is_kept);

    let outcome = kept.judged(refused());
    assert_eq!(outcome.token, Some(TokenFault::Refused));
    let (kind, why) = outcome.failure.expect("a failure");
    assert!(kind == ErrorKind::Auth && why.starts_with("401: "), "{why}");
    let second = get(&tokens, &endpoint).await;
    assert!(second.token() == "t2" && !second.is_kept);
    // What is heard of the first one says nothing of the second.
    kept.judged(refused());
    assert!(get(&tokens, &endpoint).await.is_kept);
    // One that was new is refused for good, and is not kept either.
    assert_eq!(new.judged(refused()), refused());
    assert_eq!(second.judged(refused()), refused());
    assert_eq!(get(&tokens, &endpoint).await.token(), "t3");
}

#[tokio::test(start_paused = true)]
async fn so_many_tokens_are_kept_and_the_one_goes_that_was_not_used_for_longest() {
    let (tokens, endpoint) = (Tokens::default(), Endpoint::default());
    let key = |number: usize| {
        let mut key = GrantKey::default();
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    };
    let (tokens, endpoint) = (&tokens, &endpoint);
    let ask =
        |number: usize| async move { tokens.of(key(number), endpoint.grants(None)).await.expect("a token") };
    let all = join_all((0..MOST).map(ask)).await;
    assert_eq!(endpoint.count(), MOST);
    // While attempts have to do with all of them, a further one is for its attempt alone.
    for _ in 0..2 {
        assert!(!ask(MOST).await.is_kept);
    }
    drop(all);
    assert!(ask(0).await.is_kept);
    assert!(!ask(MOST).await.is_kept && ask(MOST).await.is_kept);
    assert!(ask(0).await.is_kept, "it was used lately");
    assert_eq!(tokens.0.lock().expect("a lock").slots.len(), MOST);
}
