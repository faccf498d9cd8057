//! One LiveKit client: its WebSocket, its two peer connections, what it plays and what it got.

use std::net::{IpAddr, TcpStream};
use std::time::Instant;

use prost::Message as _;
use str0m::channel::{ChannelConfig, Reliability};
use str0m::media::{Direction, MediaKind, Simulcast, SimulcastLayer};
use tungstenite::{Bytes, Message, WebSocket};

use crate::connection::{Buffers, Connection, Outcome};
use crate::ledger::Ledger;
use crate::player::{Layer, Player};
use crate::signal::{
    self, AddTrack, Description, Leave, Participant, Request, Response, Track, TrackSetting,
};

/// A track to publish: sound, or a picture in one or several layers, rising.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its number, in stamps.
    pub number: u16,
    /// Sound.
    pub audio: bool,
    /// What is played.
    pub layers: Vec<Layer>,
}

/// Which of a client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From the client.
    Publisher,
    /// To the client.
    Subscriber,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// When it began to join.
    pub began: Instant,
    /// What it got.
    pub ledger: Ledger,
    /// Why it is of no use any more.
    pub error: Option<String>,
    /// Both ends of the publisher connection know each other.
    pub publishing: bool,
    /// From the client.
    pub publisher: Option<Connection>,
    /// To the client.
    pub subscriber: Option<Connection>,
    /// The signalling.
    pub socket: Option<WebSocket<TcpStream>>,
    plans: Vec<Plan>,
    players: Vec<Player>,
    accepted: usize,
    shown: Option<(u32, u32)>,
    ip: IpAddr,
}

impl Client {
    /// A client that will publish this, and have pictures in this size.
    pub fn new(ip: IpAddr, plans: Vec<Plan>, shown: Option<(u32, u32)>) -> Self {
        Self {
            began: Instant::now(),
            ledger: Ledger::default(),
            error: None,
            publishing: false,
            publisher: None,
            subscriber: None,
            socket: None,
            plans,
            players: Vec::new(),
            accepted: 0,
            shown,
            ip,
        }
    }

    /// Reads the signalling until there is no more.
    pub fn hear(&mut self) {
        loop {
            let Some(socket) = self.socket.as_mut() else {
                return;
            };
            match socket.read() {
                Ok(Message::Binary(bytes)) => match Response::decode(bytes) {
                    Ok(response) => self.on_response(response),
                    Err(error) => self.fail(format!("a frame that is no response: {error}")),
                },
                Ok(_) => {}
                Err(tungstenite::Error::Io(error))
                    if error.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    return;
                }
                Err(error) => {
                    self.socket = None;
                    self.fail(format!("signalling: {error}"));
                }
            }
        }
    }

    fn fail(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    fn send(&mut self, request: &Request) {
        if let Some(socket) = self.socket.as_mut() {
            let sent = socket.send(Message::Binary(Bytes::from(request.encode_to_vec())));
            if let Err(error) = sent {
                self.fail(format!("signalling: {error}"));
            }
        }
    }

    /// Keeps the session alive.
    pub fn ping(&mut self) {
        self.send(&Request { ping: Some(1), ..Request::default() });
    }

    /// Says goodbye.
    pub fn leave(&mut self) {
        self.send(&Request { leave: Some(Leave { reason: 1 }), ..Request::default() });
        self.socket = None;
    }

    fn on_response(&mut self, response: Response) {
        if let Some(join) = response.join {
            self.want(&join.others);
            for plan in self.plans.clone() {
                self.add_track(&plan);
            }
        }
        if let Some(update) = response.update {
            self.want(&update.participants);
        }
        if response.published.is_some() {
            self.accepted += 1;
            if self.accepted == self.plans.len() {
                self.offer();
            }
        }
        if let (Some(answer), Some(publisher)) = (response.answer, self.publisher.as_mut()) {
            match publisher.accept_answer(&answer.sdp) {
                Ok(()) => self.publishing = true,
                Err(error) => self.fail(format!("the server's answer: {error}")),
            }
        }
        if let Some(offer) = response.offer {
            self.answer(&offer);
        }
        if let Some(trickle) = response.trickle {
            let init: serde_json::Value =
                serde_json::from_str(&trickle.candidate_init).unwrap_or_default();
            let candidate = init.get("candidate").and_then(|value| value.as_str()).unwrap_or("");
            let side = match trickle.target {
                0 => self.publisher.as_mut(),
                _ => self.subscriber.as_mut(),
            };
            if let Some(connection) = side {
                connection.add_candidate(candidate);
            }
        }
        if let Some(leave) = response.leave {
            self.fail(format!("told to leave, reason {}", leave.reason));
        }
    }

    /// Asks for pictures of the size that is shown.
    fn want(&mut self, participants: &[Participant]) {
        let Some((width, height)) = self.shown else {
            return;
        };
        let tracks = participants.iter().flat_map(|participant| &participant.tracks);
        let video = tracks.filter(|track: &&Track| track.kind == signal::VIDEO);
        let sids: Vec<String> = video.map(|track| track.sid.clone()).collect();
        if !sids.is_empty() {
            let setting = TrackSetting { sids, quality: 1, width, height };
            self.send(&Request { track_setting: Some(setting), ..Request::default() });
        }
    }

    fn add_track(&mut self, plan: &Plan) {
        let best = plan.layers.last();
        let (width, height) = best.map_or((0, 0), |layer| layer.size);
        let layers = plan.layers.iter().filter(|_| !plan.audio).map(|layer| signal::Layer {
            // A single layer counts as the best.
            quality: if plan.layers.len() == 1 { 2 } else { i32::from(layer.layer) },
            width: layer.size.0,
            height: layer.size.1,
            bitrate: layer.bitrate_bps,
        });
        let add = AddTrack {
            cid: cid(plan),
            name: cid(plan),
            kind: if plan.audio { signal::AUDIO } else { signal::VIDEO },
            width,
            height,
            source: if plan.audio { signal::MICROPHONE } else { signal::CAMERA },
            layers: layers.collect(),
        };
        self.send(&Request { add_track: Some(add), ..Request::default() });
    }

    fn offer(&mut self) {
        let now = Instant::now();
        let Ok(mut connection) = Connection::new(self.ip, now) else {
            return self.fail("no socket".to_owned());
        };
        let mut players = Vec::new();
        let offer = connection.offer(|api| {
            for config in channels() {
                api.add_channel_with_config(config);
            }
            for plan in &self.plans {
                let kind = if plan.audio { MediaKind::Audio } else { MediaKind::Video };
                let rids = plan.layers.iter().filter_map(|layer| layer.rid);
                let simulcast = (plan.layers.len() > 1).then(|| Simulcast {
                    send: rids.map(SimulcastLayer::new).collect(),
                    recv: vec![],
                });
                let (stream, track) = (Some("load".to_owned()), Some(cid(plan)));
                let mid = api.add_media(kind, Direction::SendOnly, stream, track, simulcast);
                for layer in &plan.layers {
                    // Publishers do not all speak at once, nor is a picture taken by all at once.
                    let offset = layer.interval * (u32::from(plan.number) * 7 % 16) / 16;
                    let level = if plan.number % 5 == 0 { -20 } else { -60 };
                    let start = now + offset;
                    players.push(Player::new(mid, layer, plan.audio, plan.number, level, start));
                }
            }
        });
        self.players = players;
        self.publisher = Some(connection);
        if let Some(sdp) = offer {
            let offer = Some(Description { kind: "offer".to_owned(), sdp, id: 1 });
            self.send(&Request { offer, ..Request::default() });
        }
    }

    fn answer(&mut self, offer: &Description) {
        if self.subscriber.is_none() {
            match Connection::new(self.ip, Instant::now()) {
                Ok(connection) => self.subscriber = Some(connection),
                Err(error) => return self.fail(format!("no socket: {error}")),
            }
        }
        let Some(connection) = self.subscriber.as_mut() else {
            return;
        };
        match connection.accept_offer(&offer.sdp) {
            Ok(sdp) => {
                let answer = Some(Description { kind: "answer".to_owned(), sdp, id: offer.id });
                self.send(&Request { answer, ..Request::default() });
            }
            Err(error) => self.fail(format!("the server's offer: {error}")),
        }
    }

    /// Reads one of its sockets.
    pub fn receive(&mut self, side: Side, buffers: &mut Buffers, measuring: bool) {
        self.with(side, |connection, on| connection.receive(buffers, on), measuring);
    }

    /// Plays what is due, and lets time pass where that is due.
    pub fn drive(&mut self, now: Instant, measuring: bool) {
        let mut played = false;
        if let Some(publisher) = self.publisher.as_mut().filter(|_| self.publishing) {
            for player in self.players.iter_mut().filter(|player| player.next <= now) {
                player.play(now, publisher);
                played = true;
            }
        }
        if self.publisher.as_ref().is_some_and(|one| played || one.deadline <= now) {
            self.with(Side::Publisher, |connection, on| connection.drive(now, on), measuring);
        }
        if self.subscriber.as_ref().is_some_and(|one| one.deadline <= now) {
            self.with(Side::Subscriber, |connection, on| connection.drive(now, on), measuring);
        }
    }

    fn with(
        &mut self,
        side: Side,
        run: impl FnOnce(&mut Connection, &mut dyn FnMut(Instant, Outcome)),
        measuring: bool,
    ) {
        let (ledger, players) = (&mut self.ledger, &mut self.players);
        let connection = match side {
            Side::Publisher => self.publisher.as_mut(),
            Side::Subscriber => self.subscriber.as_mut(),
        };
        let Some(connection) = connection else {
            return;
        };
        run(connection, &mut |now, outcome| match outcome {
            Outcome::Packet(packet) => {
                let (ssrc, seq) = (*packet.header.ssrc, *packet.seq_no);
                ledger.note(now, ssrc, seq, &packet.payload, measuring);
            }
            Outcome::KeyFrame(wanted) => {
                let same = |player: &&mut Player| {
                    player.mid == wanted.mid && (wanted.rid.is_none() || player.rid == wanted.rid)
                };
                players.iter_mut().filter(same).for_each(Player::want_key_frame);
            }
            Outcome::Connected => {}
        });
        if connection.failed {
            self.fail("a peer connection failed".to_owned());
        }
    }

    /// When it must be driven next.
    pub fn deadline(&self) -> Option<Instant> {
        let connections = self.publisher.iter().chain(self.subscriber.iter());
        let players = self.players.iter().filter(|_| self.publishing).map(|player| player.next);
        connections.map(|connection| connection.deadline).chain(players).min()
    }
}

fn cid(plan: &Plan) -> String {
    format!("load-{}", plan.number)
}

/// The channels that LiveKit's clients open.
fn channels() -> [ChannelConfig; 2] {
    let lossy = ChannelConfig {
        label: "_lossy".to_owned(),
        ordered: false,
        reliability: Reliability::MaxRetransmits { retransmits: 0 },
        ..ChannelConfig::default()
    };
    [ChannelConfig { label: "_reliable".to_owned(), ..ChannelConfig::default() }, lossy]
}
