//! Credentials are planted wherever one can stand, and none comes out: in no answer, no log and no file
//!
//! Two nodes live through successes and failures, echoes, redirects, crashes, copies and backups, with the log at its most
//! talkative, while all that comes out of them is kept. Then it is searched for every credential, in each form that others
//! write one in. What is an exception is so by contract:
//!
//! - the answer to whoever makes a key or begins a session shows its token, once; so does `chronos key bootstrap`;
//! - `local-token` in the data directory is the token of the node (`docs/security.md`);
//! - without an encryption key, credentials are in the files of a node as they are (`docs/secrets.md`), until one is
//!   switched on and the files are cleaned. They are in no answer and no log then either;
//! - bodies, paths and names of users are no credentials, but for the secrets that they name (`docs/security.md`).

mod arrived;
mod credentials;
mod files;
mod outputs;
mod plant;
mod reads;
mod refused;
mod search;
mod targets;
mod world;

use self::files::{Watch, leaks_of_files};
use self::world::World;

#[tokio::test]
async fn with_a_key_from_the_first_start_no_credential_comes_out() {
    const KEYS: [&str; 2] = ["the encryption key after it", "the encryption key"];
    let mut world = World::start("64KiB", &KEYS[1..]).await;
    world.sealed().await;
    let watch = Watch::over(world.directories());
    world.live().await;
    world.search_files();
    world.crash().await;
    world.search_files();
    world.restart_with(&KEYS).await;
    world.rotate().await;
    world.sealed().await;
    world.search_files();
    world.restore(&KEYS[..1]).await;
    world.search_copies(watch);
    world.end().await;
}

#[tokio::test]
async fn with_a_key_that_is_switched_on_later_no_credential_comes_out_and_none_stays() {
    const KEY: [&str; 1] = ["the encryption key"];
    let mut world = World::start("4KiB", &[]).await;
    world.live().await;
    world.crash().await;
    // They are in the files, and would be found there.
    for directory in world.directories() {
        let found = leaks_of_files(&directory, &world.credentials);
        for name in ["the token of bearer", "the secret header", "a creation", "a header of one run"] {
            assert!(found.iter().any(|leak| leak.starts_with(name)), "{name} is not in {directory:?}");
        }
    }
    world.restart_with(&KEY).await;
    world.sealed().await;
    for n in 1..=2 {
        world
            .cluster
            .node(n)
            .logged("what was in the clear is out of the log and the state of this node")
            .await;
    }
    world.search_files();
    let watch = Watch::over(world.directories());
    world.restore(&KEY).await;
    world.search_copies(watch);
    world.end().await;
}
