//! How soon a media thread turns to what came: at once costs a turn for each datagram.
//!
//! The packets of a picture arrive as a burst, and those of many publishers side by side. Taken
//! together, all packets for a subscriber are sealed in one go, and neighbours of one size leave
//! in one call; one by one, the same packets cost two to three times the processor's time. So a
//! thread that was idle waits a moment for the rest of a burst. A thread that is busy finds its
//! burst when it comes back, and waits for nothing.

use std::time::{Duration, Instant};

/// A turn begins this long after its first datagram, and after the turn before.
pub const GATHER: Duration = Duration::from_millis(2);

/// A poll that took no longer than this did not wait: something was there already.
const AT_ONCE: Duration = Duration::from_micros(50);

/// When the turns of a thread began.
#[derive(Debug)]
pub struct Pace {
    last: Instant,
}

impl Pace {
    /// The thread starts now.
    pub fn new(now: Instant) -> Self {
        Self { last: now }
    }

    /// A turn begins.
    pub fn turn(&mut self, now: Instant) {
        self.last = now;
    }

    /// How long timers have to wait: those of neighbours run in one turn.
    pub fn rest(&self, now: Instant) -> Duration {
        (self.last + GATHER).saturating_duration_since(now)
    }

    /// How long datagrams wait for others: the poll for them began at `begun` and ended `now`.
    pub fn gather(&self, begun: Instant, now: Instant) -> Duration {
        if now.saturating_duration_since(begun) <= AT_ONCE { self.rest(now) } else { GATHER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn an_idle_thread_waits_for_the_rest_of_a_burst_and_a_busy_one_for_nothing() {
        let start = Instant::now();
        let pace = Pace::new(start);
        let heard = start + 20 * GATHER;
        assert_eq!(pace.gather(start + GATHER, heard), GATHER);
        assert_eq!(pace.gather(heard, heard + MICROSECOND), Duration::ZERO);
        let soon = start + 200 * MICROSECOND;
        assert_eq!(pace.gather(soon, soon + MICROSECOND), GATHER - 201 * MICROSECOND);
    }

    #[test]
    fn the_timers_of_neighbours_run_in_one_turn() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.turn(start + GATHER);
        assert_eq!(pace.rest(start + GATHER), GATHER);
        assert_eq!(pace.rest(start + 3 * GATHER), Duration::ZERO);
    }
}
