//! Time and memory of a process. Source: proc_pid_stat(5), proc_pid_statm(5), getrusage(2).

use std::{fs, io};

/// Processor time of all threads, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// In the program.
    pub user: f64,
    /// In the kernel for it.
    pub system: f64,
}

impl Cpu {
    /// Both.
    pub fn total(&self) -> f64 {
        self.user + self.system
    }

    /// Of another process; its threads' run time (in nanoseconds), split as its ticks are.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in brackets, may hold anything: the fields after it are counted.
        let fields: Vec<&str> =
            stat.rsplit_once(") ").map_or("", |parts| parts.1).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        // SAFETY: sysconf only reads.
        let rate = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        Ok(Self { user: ticks(11) / rate, system: ticks(12) / rate })
    }

    /// Of this process.
    pub fn own() -> Self {
        // SAFETY: a zeroed rusage is valid, and getrusage only writes into it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        Self { user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) }
    }

    /// What was used since.
    pub fn since(&self, before: &Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }
}

/// Run time of all live threads in seconds, exact to the nanosecond.
pub fn run_time(pid: u32) -> io::Result<f64> {
    let mut sum = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        sum += first.unwrap_or(0.0) / 1e9;
    }
    Ok(sum)
}

/// Resident memory in KiB.
pub fn resident_kb(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Datagrams that the kernel dropped at sockets bound to these ports: our own reading was too slow.
pub fn dropped_at(ports: &[u16]) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let mut sum = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields.get(1).and_then(|local| local.rsplit(':').next());
        let port = port.and_then(|port| u16::from_str_radix(port, 16).ok());
        if port.is_some_and(|port| ports.contains(&port)) {
            sum += fields.last().and_then(|drops| drops.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    sum
}
