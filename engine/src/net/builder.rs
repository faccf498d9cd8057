//! Makes connections on a thread of its own: it takes a millisecond, in which a media thread
//! forwards hundreds of packets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;
use std::{io, thread};

use super::link::{Link, Message};
use crate::ids::PeerId;
use crate::peer;
use crate::room::Build;

/// Connections that wait to be made.
const CAPACITY: usize = 4_096;

/// One connection to make.
#[derive(Debug)]
pub struct Job {
    /// What to make.
    pub build: Build,
    /// The media thread that it is for.
    pub shard: usize,
}

/// Where to send jobs; the thread ends when all senders are gone.
pub fn start(
    links: impl FnOnce() -> Vec<Link> + Send + 'static,
) -> io::Result<(SyncSender<Job>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(CAPACITY);
    let thread = thread::Builder::new()
        .name("moim-builder".to_owned())
        .spawn(move || run(&receiver, &links()))?;
    Ok((sender, thread))
}

fn run(jobs: &Receiver<Job>, links: &[Link]) {
    for job in jobs {
        if let Some(link) = links.get(job.shard) {
            link.deliver(make(job.build));
        }
    }
}

/// The message that brings a connection to its media thread.
pub fn make(build: Build) -> Message {
    let peer: PeerId = build.peer;
    let made = catch_unwind(AssertUnwindSafe(|| peer::build(&build.options, Instant::now())));
    match made {
        Ok(rtc) => Message::Built { peer, rtc: Box::new(rtc) },
        Err(_) => Message::NotBuilt { peer },
    }
}
