//! [`Zones`]: the time zones of all jobs, each once, with its offsets of the days that are counted.

use chronos_schedule::Zone;

/// The zones that any job had. There are as many as the database has at most, so none is forgotten.
#[derive(Debug)]
pub(super) struct Zones {
    zones: Vec<Zone>,
    /// The seconds for which offsets are looked up.
    from: i64,
    to: i64,
}

/// Where a zone stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZoneRef(u16);

impl Zones {
    pub(super) fn new(from: i64, to: i64) -> Self {
        Self { zones: Vec::new(), from, to }
    }

    /// Where this zone stands from now on.
    pub(super) fn keep(&mut self, zone: &Zone) -> ZoneRef {
        let known = self.zones.iter().position(|known| known == zone);
        let at = known.unwrap_or_else(|| {
            self.zones.push(near(zone, self.from, self.to));
            self.zones.len() - 1
        });
        ZoneRef(u16::try_from(at).expect("the database has some six hundred zones"))
    }

    pub(super) fn get(&self, at: ZoneRef) -> &Zone {
        &self.zones[usize::from(at.0)]
    }

    /// Looks the offsets of these seconds up.
    pub(super) fn look_up(&mut self, from: i64, to: i64) {
        (self.from, self.to) = (from, to);
        for zone in &mut self.zones {
            *zone = near(zone, from, to);
        }
    }
}

fn near(zone: &Zone, from: i64, to: i64) -> Zone {
    zone.near(from.saturating_mul(1000), to.saturating_mul(1000))
}
