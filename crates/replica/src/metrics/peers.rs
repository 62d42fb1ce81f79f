//! How far away the other members are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use chronos_types::NodeName;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::lock::lock;

/// Seconds: from the same rack to the other side of the world, and what is lost on the way.
const ROUND_TRIPS: [f64; 12] =
    [0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];

/// A member, by its name. There are as many as the cluster has.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ByMember {
    pub member: String,
}

impl ByMember {
    pub(super) fn named(name: &NodeName) -> Self {
        Self { member: name.as_str().to_owned() }
    }
}

/// Round trips to each of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerMetrics(Arc<Mutex<BTreeMap<NodeName, Histogram>>>);

impl PeerMetrics {
    /// What counts the round trips to a node. Another one of the same name counts on.
    pub(crate) fn round_trips(&self, name: &NodeName) -> Histogram {
        let of_each = &mut lock(&self.0);
        of_each.entry(name.clone()).or_insert_with(|| Histogram::new(ROUND_TRIPS)).clone()
    }

    /// Writes those of members, and forgets nodes that are none any more.
    pub(super) fn encode(
        &self,
        to: &mut DescriptorEncoder<'_>,
        is_member: impl Fn(&NodeName) -> bool,
    ) -> fmt::Result {
        let of_each = &mut lock(&self.0);
        of_each.retain(|name, _| is_member(name));
        if of_each.is_empty() {
            return Ok(());
        }
        let help = "From a heartbeat of this node, which led, to the answer of the member.";
        let unit = Some(&Unit::Seconds);
        let mut family = to.encode_descriptor("peer_round_trip", help, unit, MetricType::Histogram)?;
        for (name, round_trips) in of_each.iter() {
            round_trips.encode(family.encode_family(&ByMember::named(name))?)?;
        }
        Ok(())
    }
}
