//! The figures of one run.

use std::fs;
use std::ops::Range;

use serde_json::{Value, json};

use crate::crowd::Crowd;
use crate::run::{Mark, Settings};

/// Above this share of a processor the generator, which is one thread, may itself be the limit.
const BUSIEST: f64 = 0.85;
/// A reader that is away for longer than this measures itself, not the server.
const LONGEST_TURN_S: f64 = 0.25;

/// What a run gave.
#[derive(Debug)]
pub struct Figures {
    /// The clients that receive.
    pub receivers: Range<usize>,
    /// Tracks that each shall get.
    pub tracks: usize,
    /// When it was begun to count.
    pub begin: Mark,
    /// And ended.
    pub end: Mark,
    /// The server's memory before the first subscriber joined; where all publish too, with the
    /// first of them there, who brings in what all share.
    pub before_kb: u64,
    /// Those who joined since.
    pub newcomers: usize,
    /// And with everybody there.
    pub resident_kb: u64,
    /// Datagrams that were dropped at our own sockets.
    pub dropped_here: u64,
}

/// One line. `void` says why the figures say nothing about the server; it is null when they do.
pub fn report(crowd: &mut Crowd, figures: &Figures, settings: &Settings) -> Value {
    let (begin, end) = (&figures.begin, &figures.end);
    let wall_s = (end.at - begin.at).as_secs_f64();
    let verified = end.verified - begin.verified;
    let run_s = end.server_run_s - begin.server_run_s;
    let ticks = end.server.since(&begin.server);
    let cpu_s = run_s.max(ticks.total());
    let million = verified.max(1) as f64 / 1e6;
    let share = if ticks.total() > 0.0 { ticks.user / ticks.total() } else { 0.0 };
    let own = end.own.since(&begin.own).total() / wall_s;
    let receivers = crowd.clients.get_mut(figures.receivers.clone()).unwrap_or_default();
    let mut latency: Vec<u32> = Vec::new();
    let mut joins: Vec<u32> = Vec::new();
    let (mut lost, mut duplicates, mut failed) = (0, 0, 0);
    let mut errors: Vec<String> = Vec::new();
    for client in receivers {
        latency.append(&mut client.ledger.latency_us);
        lost += client.ledger.lost(begin.at, end.at);
        duplicates += client.ledger.duplicates;
        let whole = client.ledger.tracks() >= figures.tracks;
        match client.ledger.first_entry().filter(|_| whole && client.error.is_none()) {
            Some(at) => joins.push((at - client.began).as_micros() as u32),
            None => {
                failed += 1;
                let got = client.ledger.tracks();
                let error = client.error.clone();
                errors.push(error.unwrap_or(format!("got {got} of {} tracks", figures.tracks)));
            }
        }
    }
    errors.dedup();
    errors.truncate(3);
    let void = if own > BUSIEST {
        Some(format!("the generator used {:.0} % of its processor", own * 100.0))
    } else if crowd.longest_turn_s > LONGEST_TURN_S {
        Some(format!("the generator was away for {:.2} s", crowd.longest_turn_s))
    } else if figures.dropped_here > 0 {
        Some(format!("{} datagrams were dropped at the generator", figures.dropped_here))
    } else if verified == 0 {
        Some("nothing arrived".to_owned())
    } else {
        None
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|one| one.parse().ok()).unwrap_or(0.0);
    json!({
        "scenario": settings.scenario,
        "server": settings.server,
        "cpu_s_per_million": round(cpu_s / million, 3),
        "user": round(cpu_s * share / million, 3),
        "system": round(cpu_s * (1.0 - share) / million, 3),
        "rss_kb_per_subscriber":
            figures.resident_kb.saturating_sub(figures.before_kb)
                / figures.newcomers.max(1) as u64,
        "rss_kb": figures.resident_kb,
        "latency_p50_ms": percentile(&mut latency, 0.50),
        "latency_p99_ms": percentile(&mut latency, 0.99),
        "join_p50_ms": percentile(&mut joins, 0.50),
        "join_p95_ms": percentile(&mut joins, 0.95),
        "joins_failed": failed,
        "lost": lost,
        "lost_at_generator": figures.dropped_here,
        "duplicates": duplicates,
        "verified_packets": verified,
        "packets_per_s": (verified as f64 / wall_s).round(),
        "server_load": round(cpu_s / wall_s, 3),
        "generator_load": round(own, 3),
        "machine_load": load,
        "errors": errors,
        "void": void,
    })
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// In milliseconds, of microseconds.
fn percentile(values: &mut [u32], share: f64) -> Option<f64> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    let at = (last as f64 * share).round() as usize;
    values.get(at).map(|us| round(f64::from(*us) / 1_000.0, 2))
}
