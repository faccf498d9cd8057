//! Rooms on two media threads over real sockets: the system hands datagrams to either thread, and
//! each reaches its room; clients without UDP come by TCP.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used
)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use common::opus;
use moim_engine::command::{Command, PeerMode, PeerOptions, Rights};
use moim_engine::endpoint::Transport;
use moim_engine::event::Event;
use moim_engine::ids::{ParticipantId, PeerId, RoomId, TrackId};
use moim_engine::net::framing::{Deframer, frame};
use moim_engine::net::{Config, Engine, Wake};
use socket2::{Domain, Socket, Type};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event as RtcEvent, Input, Output, Rtc};

const PATIENCE: Duration = Duration::from_secs(60);

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Deframer, SocketAddr),
}

impl Wire {
    fn new(tcp: Option<SocketAddr>) -> (Self, Candidate) {
        let Some(server) = tcp else {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let address = socket.local_addr().unwrap();
            return (Self::Udp(socket), Candidate::host(address, Protocol::Udp).unwrap());
        };
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nonblocking(true).unwrap();
        let address = stream.local_addr().unwrap();
        let candidate = Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build();
        (Self::Tcp(stream, Deframer::default(), server), candidate.unwrap())
    }

    /// The packets that came, each with the addresses it came from and to.
    fn receive(&mut self) -> Vec<(Protocol, SocketAddr, SocketAddr, Vec<u8>)> {
        let (mut bytes, mut came) = ([0; 4_000], Vec::new());
        match self {
            Self::Udp(socket) => {
                let to = socket.local_addr().unwrap();
                while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                    came.push((Protocol::Udp, from, to, bytes[..length].to_vec()));
                }
            }
            Self::Tcp(stream, deframer, from) => {
                let to = stream.local_addr().unwrap();
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    let on = |packet: &[u8]| {
                        came.push((Protocol::Tcp, *from, to, packet.to_vec()));
                    };
                    deframer.take(&bytes[..length], on).unwrap();
                }
            }
        }
        came
    }

    fn send(&mut self, transmit: &Transmit) {
        match self {
            Self::Udp(socket) => {
                assert_eq!(transmit.proto, Protocol::Udp);
                socket.send_to(&transmit.contents, transmit.destination).unwrap();
            }
            Self::Tcp(stream, ..) => {
                assert_eq!(transmit.proto, Protocol::Tcp);
                let mut bytes = Vec::new();
                assert!(frame(&transmit.contents, &mut bytes));
                stream.write_all(&bytes).unwrap();
            }
        }
    }
}

struct Client {
    rtc: Rtc,
    wire: Wire,
    peer: PeerId,
    connected: bool,
    packets: usize,
}

impl Client {
    fn new(peer: PeerId, tcp: Option<SocketAddr>) -> Self {
        let (wire, candidate) = Wire::new(tcp);
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .build(Instant::now());
        rtc.add_local_candidate(candidate);
        Self { rtc, wire, peer, connected: false, packets: 0 }
    }

    fn turn(&mut self) {
        for (protocol, from, to, bytes) in self.wire.receive() {
            let receive = Receive::new(protocol, from, to, &bytes).unwrap();
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
                Output::Transmit(transmit) => self.wire.send(&transmit),
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
    let (tcp, advertise) = (bind.clone(), Vec::new());
    Engine::start(&Config { bind, advertise, tcp, threads: 2 }, deaf).unwrap()
}

fn tcp_address(engine: &Engine) -> SocketAddr {
    let by_tcp = engine.candidates().iter().find(|one| one.transport == Transport::Tcp);
    by_tcp.unwrap().address
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

fn connect(engine: &Engine, room: RoomId, mode: PeerMode, tcp: bool) -> Client {
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
    Client::new(peer, tcp.then(|| tcp_address(engine)))
}

fn publisher(engine: &Engine, room: RoomId, tcp: bool) -> (Client, TrackId, Mid) {
    let mut client = connect(engine, room, PeerMode::Publisher, tcp);
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

fn subscriber(engine: &Engine, room: RoomId, track: TrackId, tcp: bool) -> Client {
    let mut client = connect(engine, room, PeerMode::Subscriber, tcp);
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
    calls(false);
}

#[test]
fn clients_without_udp_are_heard_and_hear_by_tcp() {
    calls(true);
}

fn calls(tcp: bool) {
    let engine = engine();
    // Ten sockets: that the system hands all of them to the right thread is one in a thousand.
    let rooms: Vec<RoomId> = (0..5).map(|_| engine.open_room().unwrap()).collect();
    let shards: Vec<usize> = rooms.iter().map(|room| room.shard(2)).collect();
    assert!(shards.contains(&0) && shards.contains(&1));
    let mut speakers = Vec::new();
    let mut listeners = Vec::new();
    for room in &rooms {
        let (client, track, mid) = publisher(&engine, *room, tcp);
        listeners.push(subscriber(&engine, *room, track, tcp));
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

/// Whether the server has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 100]) {
        Ok(0) => true,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
        Ok(_) => panic!("nothing was asked"),
    }
}

#[test]
fn strangers_on_tcp_are_few_and_leave_when_they_speak_otherwise() {
    let engine = engine();
    let connect = || {
        let stream = TcpStream::connect(tcp_address(&engine)).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let closed = |streams: &mut [TcpStream]| {
        streams.iter_mut().filter_map(|stream| is_closed(stream).then_some(())).count()
    };
    let wait = |streams: &mut [TcpStream], wanted: usize| {
        let deadline = Instant::now() + PATIENCE;
        while closed(streams) < wanted && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(closed(streams), wanted);
    };
    let mut streams: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
    wait(&mut streams, 36);
    for stream in &mut streams {
        // Media, before anything was proved.
        let _ = stream.write_all(&[0, 4, 0x80, 111, 0, 1]);
    }
    wait(&mut streams, 100);
    // There is room again, and a client comes in.
    let room = engine.open_room().unwrap();
    let (mut client, _, _) = publisher(&engine, room, true);
    let deadline = Instant::now() + PATIENCE;
    while !client.connected && Instant::now() < deadline {
        engine.drain(64);
        client.turn();
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(client.connected);
}
