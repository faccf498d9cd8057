//! Rooms on two media threads over real sockets: the system hands datagrams to either thread, and
//! each reaches its room.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::opus;
use moim_engine::command::{Command, PeerMode, PeerOptions, Rights};
use moim_engine::event::Event;
use moim_engine::ids::{ParticipantId, PeerId, RoomId, TrackId};
use moim_engine::net::{Config, Engine, Wake};
use socket2::{Domain, Socket, Type};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc};

const PATIENCE: Duration = Duration::from_secs(60);

struct Client {
    rtc: Rtc,
    socket: UdpSocket,
    peer: PeerId,
    connected: bool,
    packets: usize,
}

impl Client {
    fn new(peer: PeerId) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .build(Instant::now());
        let address = socket.local_addr().unwrap();
        rtc.add_local_candidate(Candidate::host(address, Protocol::Udp).unwrap());
        Self { rtc, socket, peer, connected: false, packets: 0 }
    }

    fn turn(&mut self) {
        let mut bytes = [0; 2_000];
        while let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            let to = self.socket.local_addr().unwrap();
            let receive = Receive::new(Protocol::Udp, from, to, &bytes[..length]).unwrap();
            self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            self.poll();
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
        self.poll();
    }

    fn poll(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    self.socket.send_to(&transmit.contents, transmit.destination).unwrap();
                }
                Output::Event(RtcEvent::Connected) => self.connected = true,
                Output::Event(RtcEvent::RtpPacket(_)) => self.packets += 1,
                Output::Event(_) => {}
            }
        }
    }
}

fn engine() -> Engine {
    let deaf = Wake::new(Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap());
    let bind: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap()];
    Engine::start(&Config { bind, advertise: Vec::new(), threads: 2 }, deaf).unwrap()
}

fn described(engine: &Engine, wanted: PeerId) -> String {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        for event in engine.drain(64) {
            match event {
                Event::Answered { peer, sdp, .. } | Event::Offered { peer, sdp, .. } => {
                    assert_eq!(peer, wanted);
                    return sdp;
                }
                Event::Refused { detail, .. } => panic!("refused: {detail}"),
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no description");
}

fn connect(engine: &Engine, room: RoomId, mode: PeerMode) -> Client {
    let participant = ParticipantId::new(room, engine.next_member());
    let rights = Rights { can_publish_data: true, can_subscribe: true, hidden: false };
    let (identity, sid) = (format!("{participant}"), format!("PA_{participant}"));
    let open = Command::OpenParticipant {
        participant,
        identity,
        sid,
        rights,
        last_sequence: Default::default(),
    };
    engine.command(room, open).unwrap();
    let peer = PeerId::new(room, engine.next_member());
    let options = PeerOptions { mode, ice_lite: true, codecs: vec!["opus".to_owned()], rtx: true };
    engine.command(room, Command::OpenPeer { participant, peer, options }).unwrap();
    Client::new(peer)
}

fn publisher(engine: &Engine, room: RoomId) -> (Client, TrackId, Mid) {
    let mut client = connect(engine, room, PeerMode::Publisher);
    let peer = client.peer;
    let mut api = client.rtc.sdp_api();
    let mid = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    let (offer, pending) = api.apply().unwrap();
    let track = TrackId::new(room, engine.next_member());
    let kind = MediaKind::Audio;
    engine.command(room, Command::Publish { peer, mid: mid.to_string(), kind, track }).unwrap();
    let sdp = offer.to_sdp_string();
    engine.command(room, Command::AcceptOffer { peer, request: 1, sdp }).unwrap();
    let answer = SdpAnswer::from_sdp_string(&described(engine, peer)).unwrap();
    client.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    (client, track, mid)
}

fn subscriber(engine: &Engine, room: RoomId, track: TrackId) -> Client {
    let mut client = connect(engine, room, PeerMode::Subscriber);
    let peer = client.peer;
    engine.command(room, Command::Subscribe { peer, track, mid: None }).unwrap();
    let offer = Command::CreateOffer { peer, request: 1, ice_restart: false };
    engine.command(room, offer).unwrap();
    let offer = SdpOffer::from_sdp_string(&described(engine, peer)).unwrap();
    let sdp = client.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
    engine.command(room, Command::AcceptAnswer { peer, request: 1, sdp }).unwrap();
    client
}

#[test]
fn rooms_on_two_threads_reach_their_clients_whichever_thread_hears_them() {
    let engine = engine();
    // Ten sockets: that the system hands all of them to the right thread is one in a thousand.
    let rooms: Vec<RoomId> = (0..5).map(|_| engine.open_room().unwrap()).collect();
    let shards: Vec<usize> = rooms.iter().map(|room| room.shard(2)).collect();
    assert!(shards.contains(&0) && shards.contains(&1));
    let mut speakers = Vec::new();
    let mut listeners = Vec::new();
    for room in &rooms {
        let (client, track, mid) = publisher(&engine, *room);
        listeners.push(subscriber(&engine, *room, track));
        speakers.push((client, mid));
    }
    let deadline = Instant::now() + PATIENCE;
    let mut sent = 0u64;
    while Instant::now() < deadline {
        engine.drain(64);
        let connected = speakers.iter().all(|(client, _)| client.connected)
            && listeners.iter().all(|client| client.connected);
        if connected && sent < 200 {
            for (client, mid) in &mut speakers {
                let pt = opus(&client.rtc);
                let mut api = client.rtc.direct_api();
                let stream = api.stream_tx_by_mid(*mid, None).unwrap();
                let time = (sent * 960) as u32;
                let seq = (sent + 100).into();
                stream.write_rtp(RtpWrite::new(pt, seq, time, Instant::now(), vec![1; 80]));
            }
            sent += 1;
        }
        for (client, _) in &mut speakers {
            client.turn();
        }
        for client in &mut listeners {
            client.turn();
        }
        if listeners.iter().all(|client| client.packets >= 150) {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let heard: Vec<usize> = listeners.iter().map(|client| client.packets).collect();
    panic!("of {sent} packets were heard: {heard:?}");
}
