//! What media threads count.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counters that are added up over the threads.
#[derive(Debug)]
pub struct Tally {
    /// The caller's number.
    pub request: u64,
    missing: AtomicUsize,
    sums: Mutex<Vec<(&'static str, u64)>>,
}

impl Tally {
    /// One that `threads` threads add to.
    pub fn new(request: u64, threads: usize) -> Self {
        Self { request, missing: AtomicUsize::new(threads), sums: Mutex::new(Vec::new()) }
    }

    /// Adds one thread's. Gives the sums to whoever is last.
    pub fn add(&self, counters: &[(&'static str, u64)]) -> Option<Vec<(&'static str, u64)>> {
        let mut sums = match self.sums.lock() {
            Ok(sums) => sums,
            Err(poisoned) => poisoned.into_inner(),
        };
        for (name, value) in counters {
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += value,
                None => sums.push((name, *value)),
            }
        }
        let last = self.missing.fetch_sub(1, Ordering::AcqRel) == 1;
        last.then(|| sums.clone())
    }
}

/// Traffic of one thread.
#[derive(Debug, Default)]
#[allow(missing_docs)] // The names of `StatsReady`.
pub struct Traffic {
    pub datagrams_in: u64,
    pub datagrams_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub datagrams_dropped: u64,
}

impl Traffic {
    /// Of so many datagrams, together of so many bytes, some were sent.
    pub fn count_out(&mut self, sent: usize, datagrams: usize, bytes: usize) {
        self.datagrams_out += sent as u64;
        self.datagrams_dropped += datagrams.saturating_sub(sent) as u64;
        self.bytes_out += (bytes * sent / datagrams.max(1)) as u64;
    }
}
