//! The members of the cluster.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{As, Form, LogIdForm};
use crate::types::{LogId, Member, Membership, StoredMembership};

/// The members, and who of them has a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MembersForm<'a> {
    /// The raft ids of the voters. While they change there are two sets, and a majority of each must agree.
    voters: Cow<'a, [BTreeSet<u64>]>,
    /// All members by their raft ids.
    members: BTreeMap<u64, Cow<'a, Member>>,
}

impl<'a> Form<'a, Membership> for MembersForm<'a> {
    fn of(value: &'a Membership) -> Self {
        let members = value.nodes().map(|(id, member)| (*id, Cow::Borrowed(member))).collect();
        Self { voters: Cow::Borrowed(value.get_joint_config()), members }
    }

    fn into_value(self) -> Result<Membership, String> {
        let Self { voters, members } = self;
        let members: BTreeMap<_, _> =
            members.into_iter().map(|(id, member)| (id, member.into_owned())).collect();
        Membership::new(voters.into_owned(), members)
            .map_err(|error| format!("these cannot be the members: {error}"))
    }
}

/// The members, and the entry of the log that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredMembersForm<'a> {
    /// Missing before the first entry.
    #[serde(with = "As::<Option<LogIdForm>>")]
    as_of: Option<LogId>,
    voters: Cow<'a, [BTreeSet<u64>]>,
    members: BTreeMap<u64, Cow<'a, Member>>,
}

impl<'a> Form<'a, StoredMembership> for StoredMembersForm<'a> {
    fn of(value: &'a StoredMembership) -> Self {
        let MembersForm { voters, members } = MembersForm::of(value.membership());
        Self { as_of: *value.log_id(), voters, members }
    }

    fn into_value(self) -> Result<StoredMembership, String> {
        let Self { as_of, voters, members } = self;
        Ok(StoredMembership::new(as_of, MembersForm { voters, members }.into_value()?))
    }
}
