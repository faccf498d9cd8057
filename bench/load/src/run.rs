//! One measurement, from the first join to the figures.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::crowd::{Crowd, Server};
use crate::process::{Cpu, dropped_at, resident_kb, run_time};
use crate::report::{Figures, report};
use crate::scenario::Scenario;

/// The longest that anybody may need to join.
const JOIN_LIMIT: Duration = Duration::from_secs(30);
/// Between the last join and the measurement.
const SETTLE: Duration = Duration::from_secs(2);
/// What was lost on the way has this long to be sent again.
const GRACE: Duration = Duration::from_secs(1);
/// What is measured of a storm, beyond its joins.
const STORM_TAIL: Duration = Duration::from_secs(2);

/// What is measured, and how long.
#[derive(Debug)]
pub struct Settings {
    /// The server's process.
    pub pid: u32,
    /// How long.
    pub window: Duration,
    /// The scenario's name.
    pub scenario: String,
    /// The server's name.
    pub server: String,
}

/// A moment's counters.
#[derive(Debug)]
pub struct Mark {
    /// When.
    pub at: Instant,
    /// The server's processor time.
    pub server: Cpu,
    /// The same to the nanosecond, of the threads that live.
    pub server_run_s: f64,
    /// Ours.
    pub own: Cpu,
    /// Packets verified by all subscribers.
    pub verified: u64,
}

impl Mark {
    fn now(crowd: &Crowd, pid: u32) -> std::io::Result<Self> {
        Ok(Self {
            at: Instant::now(),
            server: Cpu::of(pid)?,
            server_run_s: run_time(pid)?,
            own: Cpu::own(),
            verified: crowd.clients.iter().map(|client| client.ledger.verified).sum(),
        })
    }
}

/// Runs a scenario against a server; gives the figures.
pub fn run(
    server: Server,
    scenario: &Scenario,
    settings: &Settings,
) -> Result<Value, Box<dyn Error>> {
    let pid = settings.pid;
    let mut crowd = Crowd::new(server)?;
    let mut first_kb = 0;
    for plans in &scenario.publishers {
        crowd.join(plans.clone(), scenario.shown, scenario.mutual);
        crowd.run(scenario.pace)?;
        if crowd.clients.len() == 1 {
            crowd.until(JOIN_LIMIT, |crowd| crowd.clients.iter().all(|one| one.publishing))?;
            first_kb = resident_kb(pid)?;
        }
    }
    let publishers = crowd.clients.len();
    let all_publish =
        crowd.until(JOIN_LIMIT, |crowd| crowd.clients.iter().all(|client| client.publishing))?;
    if !all_publish {
        let errors = crowd.clients.iter().filter_map(|client| client.error.as_deref());
        let error = errors.collect::<Vec<_>>().join("; ");
        return Err(format!("the publishers did not get through: {error}").into());
    }
    if !scenario.mutual {
        crowd.run(SETTLE)?;
    }
    let before_kb = if scenario.mutual { first_kb } else { resident_kb(pid)? };
    let mut begin = Mark::now(&crowd, pid)?;
    crowd.measuring = scenario.storm;
    for _ in 0..scenario.subscribers {
        crowd.join(Vec::new(), scenario.shown, true);
        crowd.run(scenario.pace)?;
    }
    let receivers = if scenario.mutual { 0..publishers } else { publishers..crowd.clients.len() };
    let newcomers = receivers.len() - usize::from(scenario.mutual);
    let tracks = scenario.tracks;
    let complete = |crowd: &mut Crowd| {
        let mut clients = crowd.clients[receivers.clone()].iter();
        clients.all(|client| client.ledger.tracks() >= tracks || client.error.is_some())
    };
    crowd.until(JOIN_LIMIT, complete)?;
    if scenario.storm {
        crowd.run(STORM_TAIL)?;
    } else {
        crowd.run(SETTLE)?;
        begin = Mark::now(&crowd, pid)?;
        crowd.measuring = true;
        crowd.run(settings.window)?;
    }
    crowd.measuring = false;
    let end = Mark::now(&crowd, pid)?;
    crowd.run(GRACE)?;
    let resident = resident_kb(pid)?;
    let figures = Figures {
        receivers,
        tracks,
        begin,
        end,
        before_kb,
        newcomers,
        resident_kb: resident,
        dropped_here: dropped_at(&crowd.ports()),
    };
    let line = report(&mut crowd, &figures, settings);
    for client in &mut crowd.clients {
        client.leave();
    }
    Ok(line)
}
