//! People whom a browser sees and hears: they play recordings that can be decoded, and take what is
//! sent to them. Nothing is encoded or decoded for them, so that a machine of two processors holds
//! five of them beside the browser that is measured.

use std::error::Error;
use std::io::{self, BufRead};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::{Map, Value, json};
use str0m::media::Mid;

use crate::connection::{Buffers, Connection, Outcome};
use crate::crowd::{Crowd, Server};
use crate::player::Player;
use crate::scenario::Library;

const WAKE: Token = Token(usize::MAX);
const SHORTEST_SLEEP: Duration = Duration::from_micros(500);
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// The size in which somebody shows the others.
const SHOWN: (u32, u32) = (640, 360);
const LOUD_DBOV: i8 = -20;

/// People with a LiveKit client, until the input ends.
pub fn sfu(server: Server, library: &Library, people: u16) -> Result<(), Box<dyn Error>> {
    let mut crowd = Crowd::new(server)?;
    for number in 0..people {
        crowd.join(library.person(number, true).to_vec(), Some(SHOWN), true);
    }
    let lines = input(|| ());
    while !matches!(lines.try_recv(), Err(TryRecvError::Disconnected)) {
        crowd.turn()?;
        if let Some(error) = crowd.clients.iter().find_map(|client| client.error.as_deref()) {
            return Err(error.into());
        }
    }
    crowd.clients.iter_mut().for_each(crate::client::Client::leave);
    Ok(())
}

/// People of a mesh, until the input ends. Whoever started this speaks the signalling: each offer
/// comes as a line `{"peer", "sdp"}`, and goes back as `{"peer", "sdp", "sources"}`, the last by
/// mid. A `peer` is one connection.
pub fn mesh(library: &Library) -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let lines = input(move || {
        let _ = waker.wake();
    });
    let (mut seats, mut buffers): (Vec<Seat>, _) = (Vec::new(), Buffers::new());
    let mut events = Events::with_capacity(64);
    loop {
        let deadline = seats.iter().map(Seat::deadline).min();
        let sleep =
            deadline.map_or(LONGEST_SLEEP, |at| at.saturating_duration_since(Instant::now()));
        let sleep = sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        if let Err(error) = poll.poll(&mut events, Some(sleep))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        loop {
            match lines.try_recv() {
                Ok(line) => println!("{}", answer(&mut seats, &poll, library, &line)?),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        for event in events.iter() {
            if let Some(seat) = seats.get_mut(event.token().0) {
                seat.receive(&mut buffers);
            }
        }
        for seat in &mut seats {
            seat.drive(Instant::now())?;
        }
    }
}

/// The lines of the standard input, as they come; it ends when they do.
fn input(heard: impl Fn() + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
            heard();
        }
    });
    lines
}

fn answer(
    seats: &mut Vec<Seat>,
    poll: &Poll,
    library: &Library,
    line: &str,
) -> Result<Value, Box<dyn Error>> {
    let offer: Value = serde_json::from_str(line)?;
    let text = |name: &str| offer.get(name).and_then(Value::as_str).ok_or("no such field");
    let (peer, sdp) = (text("peer")?, text("sdp")?);
    let index = match seats.iter().position(|seat| seat.peer == peer) {
        Some(index) => index,
        None => {
            let connection = Connection::new(IpAddr::from([127, 0, 0, 1]), Instant::now())?;
            let socket = connection.socket.as_raw_fd();
            let token = Token(seats.len());
            poll.registry().register(&mut SourceFd(&socket), token, Interest::READABLE)?;
            seats.push(Seat { peer: peer.to_owned(), connection, players: Vec::new() });
            seats.len() - 1
        }
    };
    let number = u16::try_from(index)?;
    let seat = seats.get_mut(index).ok_or("no seat")?;
    let sdp = seat.connection.accept_offer(sdp)?;
    let mut sources = Map::new();
    for (mid, audio) in sections(&sdp) {
        let source = if audio { "microphone" } else { "camera" };
        let name = Mid::from(mid);
        let media = seat.connection.rtc.media(name);
        let sends = media.is_some_and(|media| media.direction().is_sending());
        if !sends || sources.values().any(|known| known == source) {
            continue;
        }
        sources.insert(mid.to_owned(), source.into());
        if seat.players.iter().any(|player| player.mid == name) {
            continue;
        }
        for plan in library.person(number, false).iter().filter(|plan| plan.audio == audio) {
            let now = Instant::now();
            let player = |layer| Player::new(name, layer, audio, plan.number, LOUD_DBOV, now);
            seat.players.extend(plan.layers.iter().map(player));
        }
    }
    Ok(json!({ "peer": peer, "sdp": sdp, "sources": sources }))
}

/// The mid of each medium of a description, and whether it is sound.
fn sections(sdp: &str) -> impl Iterator<Item = (&str, bool)> {
    sdp.split("\r\nm=").skip(1).filter_map(|section| {
        let audio = section.starts_with("audio");
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"))?;
        (audio || section.starts_with("video")).then_some((mid, audio))
    })
}

#[derive(Debug)]
struct Seat {
    peer: String,
    connection: Connection,
    players: Vec<Player>,
}

impl Seat {
    fn deadline(&self) -> Instant {
        let players = self.players.iter().map(|player| player.next);
        players.fold(self.connection.deadline, Instant::min)
    }

    fn receive(&mut self, buffers: &mut Buffers) {
        let players = &mut self.players;
        self.connection.receive(buffers, &mut |_, outcome| came(players, &outcome));
    }

    fn drive(&mut self, now: Instant) -> Result<(), String> {
        for player in self.players.iter_mut().filter(|player| player.next <= now) {
            player.play(now, &mut self.connection);
        }
        let players = &mut self.players;
        self.connection.drive(now, &mut |_, outcome| came(players, &outcome));
        if self.connection.failed { Err(format!("{} failed", self.peer)) } else { Ok(()) }
    }
}

fn came(players: &mut [Player], outcome: &Outcome) {
    if let Outcome::KeyFrame(wanted) = outcome {
        let same = |player: &&mut Player| player.mid == wanted.mid;
        players.iter_mut().filter(same).for_each(Player::want_key_frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_medium_of_a_description_is_known_by_its_mid_and_data_is_none() {
        let sdp = "v=0\r\nm=application 9 x\r\na=mid:0\r\nm=audio 9 x\r\na=mid:1\r\n\
                   m=video 9 x\r\na=mid:2\r\n";
        assert_eq!(sections(sdp).collect::<Vec<_>>(), [("1", true), ("2", false)]);
    }
}
