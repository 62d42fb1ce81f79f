//! What a command weighs bounds what it takes in the log: a batch is cut by weights, and must go into a message.

use std::collections::BTreeMap;

use chronos_state::{Batch, Command};
use chronos_types::{Auth, Headers, JobSpec, Tags, TargetUrl, Webhook};

use crate::forms::{batches, batches_of_2, full};
use crate::support::*;

fn weight(batch: &Batch) -> usize {
    batch.items.iter().map(|item| item.weight()).sum()
}

#[test]
fn no_command_takes_more_than_three_times_what_it_weighs() {
    for (name, batch) in [batches(), batches_of_2()].concat() {
        // What stands around the commands, and a client's own name for its request.
        let around = 100 + 300 * batch.items.iter().filter(|item| item.idempotency.is_some()).count();
        let (bytes, weight) = (batch.encode().unwrap().len(), weight(&batch));
        assert!(bytes <= 3 * weight + around, "{name}: {bytes} bytes, which weigh {weight}");
    }
}

#[test]
fn a_job_weighs_what_its_texts_take() {
    let tag = |number: usize| (format!("{number:063}"), "𐍈".repeat(255));
    let spec = JobSpec {
        tags: Tags::parse((0..64).map(tag).collect::<BTreeMap<_, _>>()).unwrap(),
        description: "𐍈".repeat(4_096),
        webhook: Webhook {
            url: TargetUrl::parse(&format!("http://a/{}", "x".repeat(2_000))).unwrap(),
            headers: Headers::parse((0..90).map(|n| (format!("X-{n}"), "v".repeat(8_000))).collect())
                .unwrap(),
            auth: Some(Auth::Bearer { token: "t".repeat(20_000) }),
            ..spec("large").webhook
        },
        ..full(Auth::Bearer { token: "t".into() })
    };
    let command: Command = put(id_of("large"), None, spec, None);
    let weight = command.weight();
    let bytes = Batch { at: 0, items: vec![command.into()] }.encode().unwrap().len();
    assert!((weight..weight + 5_000).contains(&bytes), "{bytes} bytes, which weigh {weight}");
}
