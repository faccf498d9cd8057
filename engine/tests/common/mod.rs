//! A room and its clients in virtual time, over a network that delays, loses and reorders.
//!
//! Clients are str0m too, in the roles of LiveKit's: one connection to publish, one to subscribe.

#![allow(dead_code, clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moim_engine::command::{Command, PeerMode, PeerOptions, Rights};
use moim_engine::endpoint::Endpoint;
use moim_engine::event::Event;
use moim_engine::ids::{ParticipantId, PeerId, RoomId, TrackId};
use moim_engine::net::burst::BURST;
use moim_engine::net::together;
use moim_engine::peer::build;
use moim_engine::room::{Effects, Room};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::media::{Direction, MediaKind, Mid, Pt, Rid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc};

pub const ROOM: RoomId = RoomId(1 << 32);
pub const STEP: Duration = Duration::from_millis(1);
pub const VIDEO_CLOCK: u64 = 90_000;
/// The most datagrams that Linux takes in one call.
pub const BUNDLE: usize = 64;

/// A seeded generator, so that each run is the same (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn roll(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What the network does to each datagram.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub loss: f64,
    /// The chance that a loss goes on with the next datagram.
    pub burst: f64,
    pub delay: Duration,
    pub jitter: Duration,
}

pub const CALM: Weather =
    Weather { loss: 0.0, burst: 0.0, delay: Duration::from_millis(10), jitter: Duration::ZERO };

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Room,
    Client(usize),
}

struct Flight {
    to: Side,
    client: usize,
    bytes: Vec<u8>,
}

pub struct Client {
    pub rtc: Rtc,
    pub peer: PeerId,
    pub address: SocketAddr,
    pub packets: Vec<RtpPacket>,
    pub mids: HashMap<u32, Mid>,
    pub channels: HashMap<String, ChannelId>,
    pub messages: Vec<(String, Vec<u8>)>,
    pub key_frames_wanted: Vec<(Mid, Option<Rid>)>,
    pub connected: bool,
    pub weather: Weather,
    losing: bool,
}

pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub room: Room,
    pub effects: Effects,
    pub events: Vec<Event>,
    pub clients: Vec<Client>,
    pub bound: HashMap<Endpoint, PeerId>,
    pub dice: Dice,
    /// Told before and after each run of the room's own code.
    pub around: fn(bool),
    /// What the room sent.
    pub sent: Sent,
    /// What the pictures of all are encoded in.
    pub codec: &'static str,
    /// Clients describe a certificate that is not theirs.
    pub forged_fingerprint: bool,
    flights: BTreeMap<(Instant, u64), Flight>,
    flown: u64,
    next_id: u32,
}

/// What would have gone to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Where the system takes several bundles in a call.
    pub calls: u64,
    pub bundles: u64,
    pub datagrams: u64,
    pub bytes: u64,
}

pub fn server() -> SocketAddr {
    "192.0.2.1:7882".parse().unwrap()
}

impl World {
    pub fn new() -> Self {
        let now = Instant::now();
        let candidates: Arc<[Endpoint]> = vec![Endpoint::udp(server())].into();
        Self {
            now,
            start: now,
            room: Room::new(ROOM, candidates),
            effects: Effects::default(),
            events: Vec::new(),
            clients: Vec::new(),
            bound: HashMap::new(),
            dice: Dice(0x5eed_1234_5678_9abc),
            around: |_| {},
            sent: Sent::default(),
            codec: "vp8",
            forged_fingerprint: false,
            flights: BTreeMap::new(),
            flown: 0,
            next_id: 1,
        }
    }

    pub fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    pub fn command(&mut self, command: Command) {
        (self.around)(true);
        self.room.command(self.now, command, &mut self.effects);
        (self.around)(false);
        self.collect();
    }

    pub fn participant(&mut self, identity: &str) -> ParticipantId {
        let participant = ParticipantId::new(ROOM, self.id());
        let rights = Rights { can_publish_data: true, can_subscribe: true, hidden: false };
        let (identity, sid) = (identity.to_owned(), format!("PA_{identity}"));
        self.command(Command::OpenParticipant {
            participant,
            identity,
            sid,
            rights,
            last_sequence: Default::default(),
        });
        participant
    }

    /// A connection of a participant, and its client's end of it.
    pub fn connect(&mut self, participant: ParticipantId, mode: PeerMode) -> usize {
        let peer = PeerId::new(ROOM, self.id());
        let codecs = ["opus", self.codec].map(str::to_owned).into();
        let options = PeerOptions { mode, ice_lite: true, codecs, rtx: true };
        self.command(Command::OpenPeer { participant, peer, options });
        let index = self.clients.len();
        let address = SocketAddr::from(([198, 51, 100, 1], 10_000 + index as u16));
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(self.codec == "vp8")
            .enable_vp9(self.codec == "vp9")
            .build(self.now);
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        self.clients.push(Client {
            rtc,
            peer,
            address,
            packets: Vec::new(),
            mids: HashMap::new(),
            channels: HashMap::new(),
            messages: Vec::new(),
            key_frames_wanted: Vec::new(),
            connected: false,
            weather: CALM,
            losing: false,
        });
        index
    }

    /// The client offers what `change` adds; gives the m-lines.
    pub fn client_offers(
        &mut self,
        client: usize,
        change: impl FnOnce(&mut str0m::change::SdpApi<'_>) -> Vec<Mid>,
    ) -> Vec<Mid> {
        let mut api = self.clients[client].rtc.sdp_api();
        let mids = change(&mut api);
        let (offer, pending) = api.apply().unwrap();
        let (peer, request) = (self.clients[client].peer, u64::from(self.id()));
        let mut sdp = offer.to_sdp_string();
        if self.forged_fingerprint {
            let at = sdp.find("a=fingerprint:sha-256 ").unwrap() + 22;
            sdp.replace_range(at..at + 5, "00:11");
        }
        self.command(Command::AcceptOffer { peer, request, sdp });
        let answer = self.events.iter().rev().find_map(|event| match event {
            Event::Answered { request: answered, sdp, .. } if *answered == request => Some(sdp),
            _ => None,
        });
        let answer = SdpAnswer::from_sdp_string(answer.expect("an answer")).unwrap();
        self.clients[client].rtc.sdp_api().accept_answer(pending, answer).unwrap();
        mids
    }

    /// The room offers; the client answers. Gives the lines that carry tracks.
    pub fn room_offers(&mut self, client: usize) -> Vec<(String, TrackId)> {
        let (peer, request) = (self.clients[client].peer, u64::from(self.id()));
        self.command(Command::CreateOffer { peer, request, ice_restart: false });
        let offered = self.events.iter().rev().find_map(|event| match event {
            Event::Offered { request: r, sdp, tracks, .. } if *r == request => {
                Some((sdp.clone(), tracks.clone()))
            }
            _ => None,
        });
        let (sdp, tracks) = offered.expect("an offer");
        let offer = SdpOffer::from_sdp_string(&sdp).unwrap();
        let answer = self.clients[client].rtc.sdp_api().accept_offer(offer).unwrap();
        self.command(Command::AcceptAnswer { peer, request, sdp: answer.to_sdp_string() });
        tracks
    }

    fn collect(&mut self) {
        while !self.effects.builds.is_empty() {
            for job in std::mem::take(&mut self.effects.builds) {
                (self.around)(true);
                let rtc = Box::new(build(&job.options, self.now));
                self.room.built(self.now, job.peer, rtc, &mut self.effects);
                (self.around)(false);
            }
        }
        for (peer, address) in self.effects.bound.drain(..) {
            self.bound.insert(address, peer);
        }
        for peer in self.effects.closed.drain(..) {
            self.bound.retain(|_, owner| *owner != peer);
        }
        self.effects.names.clear();
        self.events.append(&mut self.effects.events);
        let mut datagrams = std::mem::take(&mut self.effects.datagrams);
        let (mut rest, mut bundles) = (datagrams.list(), 0);
        while !rest.is_empty() {
            let count = together(rest, BUNDLE);
            bundles += 1;
            self.sent.datagrams += count as u64;
            self.sent.bytes += rest[..count].iter().map(|one| one.range.len() as u64).sum::<u64>();
            rest = &rest[count..];
        }
        self.sent.bundles += bundles;
        self.sent.calls += bundles.div_ceil(BURST as u64);
        for datagram in datagrams.list() {
            let client =
                self.clients.iter().position(|c| Endpoint::udp(c.address) == datagram.destination);
            if let Some(client) = client {
                let bytes = datagrams.bytes(datagram.range.clone()).to_vec();
                self.fly(Side::Client(client), client, bytes);
            }
        }
        // As the media threads do: the memory is used again.
        datagrams.clear();
        self.effects.datagrams = datagrams;
    }

    fn fly(&mut self, to: Side, client: usize, bytes: Vec<u8>) {
        let weather = self.clients[client].weather;
        let odds = if self.clients[client].losing { weather.burst } else { weather.loss };
        let lost = self.dice.roll() < odds;
        self.clients[client].losing = lost;
        if lost {
            return;
        }
        let at = self.now + weather.delay + weather.jitter.mul_f64(self.dice.roll());
        self.flown += 1;
        self.flights.insert((at, self.flown), Flight { to, client, bytes });
    }

    /// Lets time pass until `until` says so; panics after `limit`.
    pub fn run_until(&mut self, limit: Duration, mut until: impl FnMut(&mut Self) -> bool) {
        let end = self.now + limit;
        while !until(self) {
            assert!(self.now < end, "it did not happen in {limit:?} of virtual time");
            self.step();
        }
    }

    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    pub fn step(&mut self) {
        self.now += STEP;
        while let Some(entry) = self.flights.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let flight = entry.remove();
            let address = self.clients[flight.client].address;
            match flight.to {
                Side::Room => {
                    // As the demultiplexer does: STUN by name, all else by a proved address.
                    let is_stun = flight.bytes[0] < 4;
                    let owner = match is_stun {
                        true => Some(self.clients[flight.client].peer),
                        false => self.bound.get(&Endpoint::udp(address)).copied(),
                    };
                    if let Some(peer) = owner {
                        let way = (Endpoint::udp(address), Endpoint::udp(server()));
                        (self.around)(true);
                        self.room.datagram(self.now, peer, way, &flight.bytes, &mut self.effects);
                        (self.around)(false);
                        self.collect();
                    }
                }
                Side::Client(index) => {
                    let now = self.now;
                    let client = &mut self.clients[index];
                    let receive = Receive::new(Protocol::Udp, server(), address, &flight.bytes);
                    let input = Input::Receive(now, receive.unwrap());
                    client.rtc.handle_input(input).unwrap();
                    self.poll_client(index);
                }
            }
        }
        (self.around)(true);
        self.room.settle(self.now, &mut self.effects);
        (self.around)(false);
        self.collect();
        for index in 0..self.clients.len() {
            let now = self.now;
            let rtc = &mut self.clients[index].rtc;
            if rtc.handle_input(Input::Timeout(now)).is_err() {
                rtc.disconnect();
            }
            self.poll_client(index);
        }
    }

    fn poll_client(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            let Ok(output) = client.rtc.poll_output() else {
                client.rtc.disconnect();
                return;
            };
            match output {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    self.fly(Side::Room, index, transmit.contents.to_vec());
                }
                Output::Event(event) => match event {
                    RtcEvent::Connected => client.connected = true,
                    RtcEvent::RtpPacket(packet) => {
                        let ssrc = packet.header.ssrc;
                        let mut api = client.rtc.direct_api();
                        let mid = api.stream_rx(&ssrc).unwrap().mid();
                        client.mids.insert(*ssrc, mid);
                        client.packets.push(packet);
                    }
                    RtcEvent::ChannelOpen(id, label) => {
                        client.channels.insert(label, id);
                    }
                    RtcEvent::ChannelData(data) => {
                        let label = client.channels.iter().find(|(_, id)| **id == data.id);
                        let label = label.map(|(label, _)| label.clone()).unwrap_or_default();
                        client.messages.push((label, data.data));
                    }
                    RtcEvent::KeyframeRequest(request) => {
                        client.key_frames_wanted.push((request.mid, request.rid));
                    }
                    _ => {}
                },
            }
        }
    }

    /// A participant that publishes a video of three layers (or one) and a sound.
    pub fn publisher(&mut self, identity: &str, simulcast: bool) -> Publisher {
        let participant = self.participant(identity);
        let client = self.connect(participant, PeerMode::Publisher);
        let peer = self.clients[client].peer;
        let layers = simulcast.then(|| {
            let layer = |rid: &str| SimulcastLayer::new(rid);
            Simulcast { send: ["q", "h", "f"].map(layer).into(), recv: vec![] }
        });
        let mids = self.client_offers(client, |api| {
            let audio = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
            let video = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, layers);
            for config in channels() {
                api.add_channel_with_config(config);
            }
            vec![audio, video]
        });
        let (audio, video) = (TrackId::new(ROOM, self.id()), TrackId::new(ROOM, self.id()));
        let kinds = [(audio, MediaKind::Audio), (video, MediaKind::Video)];
        for ((track, kind), mid) in kinds.into_iter().zip(&mids) {
            self.command(Command::Publish { peer, mid: mid.to_string(), kind, track });
        }
        let rids: Vec<Option<Rid>> = match simulcast {
            true => ["q", "h", "f"].map(|rid| Some(rid.into())).into(),
            false => vec![None],
        };
        let cameras = rids.into_iter().map(|rid| Camera::new(mids[1], rid)).collect();
        Publisher { participant, client, audio, video, audio_mid: mids[0], cameras }
    }

    /// A participant that gets tracks.
    pub fn subscriber(&mut self, identity: &str, tracks: &[TrackId]) -> Subscriber {
        let participant = self.participant(identity);
        let client = self.connect(participant, PeerMode::Subscriber);
        let peer = self.clients[client].peer;
        for track in tracks {
            self.command(Command::Subscribe { peer, track: *track, mid: None });
        }
        let lines = self.room_offers(client);
        Subscriber { participant, client, peer, lines }
    }

    pub fn connected(&mut self, clients: &[usize]) {
        let all = |world: &mut Self| clients.iter().all(|client| world.clients[*client].connected);
        self.run_until(Duration::from_secs(10), all);
    }

    /// Films for a while: 20 pictures a second in each layer, a key frame where one is wanted.
    pub fn film(&mut self, publisher: &mut Publisher, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.picture(publisher);
            self.run(Duration::from_millis(50));
        }
    }

    /// One picture in each layer, a key frame where one is wanted.
    pub fn picture(&mut self, publisher: &mut Publisher) {
        let wanted = std::mem::take(&mut self.clients[publisher.client].key_frames_wanted);
        for camera in &mut publisher.cameras {
            camera.key |= wanted.iter().any(|(_, rid)| *rid == camera.rid);
            let rtc = &mut self.clients[publisher.client].rtc;
            camera.film(rtc, self.now, self.now - self.start);
        }
    }
}

pub struct Publisher {
    pub participant: ParticipantId,
    pub client: usize,
    pub audio: TrackId,
    pub video: TrackId,
    pub audio_mid: Mid,
    pub cameras: Vec<Camera>,
}

pub struct Subscriber {
    pub participant: ParticipantId,
    pub client: usize,
    pub peer: PeerId,
    pub lines: Vec<(String, TrackId)>,
}

/// One encoder: VP8 pictures of three packets; the payload says which layer and picture it is of.
pub struct Camera {
    pub mid: Mid,
    pub rid: Option<Rid>,
    pub key: bool,
    pub on: bool,
    /// Packets of a picture.
    pub parts: usize,
    seq: u64,
    picture: u16,
}

/// Unless a test says otherwise.
pub const PACKETS_PER_PICTURE: usize = 3;

impl Camera {
    pub fn new(mid: Mid, rid: Option<Rid>) -> Self {
        // Each layer has numbers of its own, near where they wrap.
        let start = rid.map_or(b'x', |rid| rid.as_bytes()[0]);
        let seq = 65_500 - u64::from(start);
        let (parts, picture) = (PACKETS_PER_PICTURE, 32_700 + u16::from(start) % 7);
        Self { mid, rid, key: true, on: true, parts, seq, picture }
    }

    pub fn film(&mut self, rtc: &mut Rtc, now: Instant, since: Duration) {
        let pt = vp8(rtc);
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, self.rid) else {
            return;
        };
        if !self.on {
            return;
        }
        let key = std::mem::take(&mut self.key);
        let offset = self.rid.map_or(7, |rid| u64::from(rid.as_bytes()[0]) * 1_000_003);
        let time = (since.as_millis() as u64 * VIDEO_CLOCK / 1_000 + offset) as u32;
        for n in 0..self.parts {
            let first = n == 0;
            let id = self.picture.to_be_bytes();
            let mut payload = vec![if first { 0x90 } else { 0x80 }, 0x80, 0x80 | id[0], id[1]];
            payload.push(u8::from(!key));
            payload.push(self.rid.map_or(b'x', |rid| rid.as_bytes()[0]));
            payload.extend((since.as_millis() as u32).to_be_bytes());
            payload.resize(700, n as u8);
            let write = RtpWrite::new(pt, self.seq.into(), time, now, payload)
                .marker(n + 1 == self.parts)
                .nackable(true);
            stream.write_rtp(write);
            self.seq += 1;
        }
        self.picture = (self.picture + 1) & 0x7fff;
    }
}

/// The channels that LiveKit's clients open.
pub fn channels() -> [ChannelConfig; 2] {
    let lossy = ChannelConfig {
        label: "_lossy".to_owned(),
        ordered: false,
        reliability: Reliability::MaxRetransmits { retransmits: 0 },
        ..ChannelConfig::default()
    };
    [ChannelConfig { label: "_reliable".to_owned(), ..ChannelConfig::default() }, lossy]
}

impl Client {
    /// Sends a message over a channel; false when the channel takes no more now.
    pub fn send(&mut self, label: &str, bytes: &[u8]) -> bool {
        let id = self.channels[label];
        self.rtc.channel(id).unwrap().write(true, bytes).unwrap()
    }
}

/// A field of text or bytes in protobuf.
pub fn field(number: u8, value: &[u8]) -> Vec<u8> {
    assert!(value.len() < 0x4000);
    let length = [value.len() as u8 | 0x80, (value.len() >> 7) as u8];
    [&[number << 3 | 2], &length[..], value].concat()
}

/// A `DataPacket` with a user's payload, for these identities (all, when there is none).
pub fn user_packet(payload: &[u8], to: &[&str], sequence: u8) -> Vec<u8> {
    let mut packet = field(2, &field(2, payload));
    for identity in to {
        packet.extend(field(5, identity.as_bytes()));
    }
    if sequence > 0 {
        packet.extend([0x80, 0x01, sequence]);
    }
    packet
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

pub fn vp8(rtc: &Rtc) -> Pt {
    rtc.codec_config().find(|p| p.spec().codec == str0m::format::Codec::Vp8).unwrap().pt()
}

pub fn opus(rtc: &Rtc) -> Pt {
    rtc.codec_config().find(|p| p.spec().codec == str0m::format::Codec::Opus).unwrap().pt()
}

/// A tone of 20 ms, as loud as said; `captured` is when.
pub fn speak(rtc: &mut Rtc, mid: Mid, n: u64, captured: Instant, level: i8) {
    let pt = opus(rtc);
    let mut api = rtc.direct_api();
    let stream = api.stream_tx_by_mid(mid, None).unwrap();
    let ext_vals = ExtensionValues {
        audio_level: Some(level),
        voice_activity: Some(true),
        ..ExtensionValues::default()
    };
    let write = RtpWrite::new(pt, (n + 5).into(), (n * 960) as u32, captured, vec![n as u8; 80]);
    stream.write_rtp(write.ext_vals(ext_vals));
}

/// What a viewer can make of the video packets that it got.
#[derive(Debug)]
pub struct Viewed {
    /// Layer and picture id of each complete picture, in order.
    pub pictures: Vec<(u8, u16)>,
    pub timestamps: Vec<u32>,
    pub missing: usize,
    pub duplicates: usize,
}

pub fn view(packets: &[RtpPacket], ssrc: Ssrc) -> Viewed {
    let mut by_seq: BTreeMap<u64, &RtpPacket> = BTreeMap::new();
    let mut duplicates = 0;
    for packet in packets.iter().filter(|packet| packet.header.ssrc == ssrc) {
        duplicates += usize::from(by_seq.insert(*packet.seq_no, packet).is_some());
    }
    let (first, last) = (*by_seq.keys().next().unwrap(), *by_seq.keys().last().unwrap());
    let missing = (last - first + 1) as usize - by_seq.len();
    let mut viewed = Viewed { pictures: vec![], timestamps: vec![], missing, duplicates };
    let mut whole_until = None;
    for (seq, packet) in &by_seq {
        let begins = packet.payload[0] == 0x90;
        let goes_on = whole_until.is_some_and(|before| before + 1 == *seq);
        whole_until = (begins || goes_on).then_some(*seq);
        if packet.header.marker && whole_until.is_some() {
            let id = u16::from_be_bytes([packet.payload[2] & 0x7f, packet.payload[3]]);
            viewed.pictures.push((packet.payload[5], id));
            viewed.timestamps.push(packet.header.timestamp);
        }
    }
    viewed
}

/// The stream of the first video line that a client gets.
pub fn video_ssrc(client: &Client) -> Ssrc {
    let pt = vp8(&client.rtc);
    client.packets.iter().find(|p| p.header.payload_type == pt).expect("video").header.ssrc
}
