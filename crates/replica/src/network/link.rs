//! [`Link`]: how much of the log goes to a follower at a time, and how long that may take.
//!
//! What a link carries shows only in what it has carried. So a follower gets so much at a time as took about
//! [`TARGET`] lately. A piece that times out was too large, and the next one is smaller. What does arrive counts
//! at once, so that a slow link gets there step by step, and one that was slow for a moment is at full speed again
//! after some pieces.

use std::time::Duration;

/// What a piece is to take. Long enough that the way there and back and the sync of the other disk are a small part
/// of it, and short enough that little is lost with a piece that breaks.
const TARGET: Duration = Duration::from_millis(500);
/// The least and the most bytes of a piece. A single entry may be larger.
const LEAST: u64 = 16 << 10;
const MOST: u64 = 4 << 20;
/// The bytes a second that make the least and the most of it.
const SLOWEST: u64 = 2 * LEAST;
const FASTEST: u64 = 2 * MOST;
/// How long an answer may take beyond what the bytes take. A slow disk syncs for that long, and what is sent again
/// would only make it slower.
const ANSWER: Duration = Duration::from_secs(2);
/// The longest that a piece may stand still.
const LONGEST: Duration = Duration::from_secs(30);

/// What the link to one follower seems to carry.
#[derive(Debug)]
pub(super) struct Link {
    bytes_a_second: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self { bytes_a_second: FASTEST }
    }
}

impl Link {
    /// So many bytes go into the next piece.
    pub(super) fn piece(&self) -> usize {
        let bytes = (self.bytes_a_second / 2).clamp(LEAST, MOST);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// So long may a piece of so many bytes stand still. Bytes that the kernel or a router holds seem to have moved,
    /// so a piece stands still for as long as they take.
    pub(super) fn patience(&self, bytes: usize) -> Duration {
        let ms = 4_000 * bytes as u64 / self.bytes_a_second;
        (ANSWER + Duration::from_millis(ms)).min(LONGEST)
    }

    /// A piece of so many bytes was answered after that time.
    pub(super) fn took(&mut self, bytes: usize, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let seen = bytes as u64 * 1_000 / ms;
        if seen > self.bytes_a_second {
            // One piece may be lucky.
            self.bytes_a_second = seen.min(2 * self.bytes_a_second).min(FASTEST);
        } else if bytes >= self.piece() && time > TARGET {
            // Less than a whole piece shows how long an answer takes, and not what the link carries.
            self.bytes_a_second = seen.max(SLOWEST);
        }
    }

    /// A piece was not answered in time.
    pub(super) fn timed_out(&mut self) {
        self.bytes_a_second = (self.bytes_a_second / 4).max(SLOWEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;

    /// Sends so many bytes over a link that carries so much, all of which seems to have moved at once. Returns the
    /// seconds that it took, and the bytes that went in vain.
    fn send(link: &mut Link, mut bytes: usize, a_second: f64) -> (f64, usize) {
        let (mut seconds, mut vain) = (0.0, 0);
        while bytes > 0 {
            let piece = link.piece().min(bytes);
            let time = Duration::from_secs_f64(piece as f64 / a_second + 0.01);
            let patience = link.patience(piece);
            if time <= patience {
                link.took(piece, time);
                (seconds, bytes) = (seconds + time.as_secs_f64(), bytes - piece);
            } else {
                link.timed_out();
                (seconds, vain) = (seconds + patience.as_secs_f64(), vain + piece);
            }
        }
        (seconds, vain)
    }

    #[test]
    fn a_slow_link_gets_all_of_it_and_little_goes_in_vain() {
        for kib_a_second in [16, 64, 256, 1_024, 4_096, 65_536] {
            let (bytes, a_second) = (60 * kib_a_second * KIB, (kib_a_second * KIB) as f64);
            let mut link = Link::default();
            let (seconds, vain) = send(&mut link, bytes, a_second);
            // A minute's worth takes a minute and a half at most.
            assert!(seconds < 90.0, "{kib_a_second} KiB/s: {seconds} s");
            assert!(vain <= 10 << 20, "{kib_a_second} KiB/s: {vain} bytes in vain");
            let (_, vain) = send(&mut link, bytes, a_second);
            assert_eq!(vain, 0, "{kib_a_second} KiB/s: what it carries is known");
        }
    }

    #[test]
    fn pieces_shrink_when_they_time_out_and_grow_again() {
        let mut link = Link::default();
        assert_eq!(link.piece(), 4 << 20);
        assert_eq!(link.patience(4 << 20), Duration::from_secs(4));
        let mut pieces = Vec::new();
        for _ in 0..6 {
            link.timed_out();
            pieces.push(link.piece() / KIB);
        }
        assert_eq!(pieces, [1_024, 256, 64, 16, 16, 16]);
        assert_eq!(link.patience(16 * KIB), Duration::from_secs(4), "and no piece waits for long");
        assert_eq!(link.patience(10 << 20), LONGEST);
        for _ in 0..8 {
            link.took(link.piece(), Duration::from_millis(1));
        }
        assert_eq!(link.piece(), 4 << 20);
    }

    #[test]
    fn what_is_less_than_a_piece_does_not_slow_the_rest_down() {
        let mut link = Link::default();
        link.took(100, Duration::from_millis(300));
        link.took(4 << 20, TARGET);
        assert_eq!(link.piece(), 4 << 20);
        link.took(4 << 20, Duration::from_secs(4));
        assert_eq!(link.piece(), 512 << 10);
    }
}
