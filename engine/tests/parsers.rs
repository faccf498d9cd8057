//! Whatever comes from the network: no bytes make a parser panic, or get through it changed.
//!
//! The inputs that are kept in `__fuzz__` are tried, and some made by chance (bolero).

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod common;

use bolero::check;
use common::{World, server};
use moim_engine::codec::{DependencyDescriptor, FrameNumbers, PictureIds, starts_key_frame};
use moim_engine::command::{Command, PeerMode};
use moim_engine::data_packet::{Sender, stamp, wrap_user};
use moim_engine::endpoint::Endpoint;
use moim_engine::event::Event;
use moim_engine::ids::{PeerId, RoomId};
use moim_engine::net::demux::{Demux, Path};
use moim_engine::net::framing::{Deframer, LARGEST_FRAME, frame};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind};

const MANY: usize = 3_000;
/// A connection costs a millisecond.
const SOME: usize = 100;
const ANN: Sender<'_> = Sender { identity: "ann", sid: "PA_1" };

#[test]
fn data_packets() {
    check!().with_iterations(MANY).for_each(|bytes: &[u8]| {
        if let Ok(once) = stamp(bytes, ANN, true) {
            let twice = stamp(&once.bytes, ANN, true).expect("what was stamped is a packet");
            assert_eq!(once.bytes, twice.bytes);
            assert_eq!(once.sequence, twice.sequence);
        }
        assert!(stamp(&wrap_user(bytes, ANN), ANN, false).is_ok());
    });
}

#[test]
fn streams_of_packets() {
    check!().with_iterations(MANY).for_each(|bytes: &[u8]| {
        let (mut whole, mut slowly) = (Vec::new(), Vec::new());
        let mut deframer = Deframer::default();
        let end = deframer.take(bytes, |packet| whole.push(packet.to_vec()));
        let mut deframer = Deframer::default();
        let mut ended = Ok(());
        for byte in bytes {
            ended =
                ended.and_then(|()| deframer.take(&[*byte], |packet| slowly.push(packet.to_vec())));
        }
        assert_eq!((end, &whole), (ended, &slowly), "however it is cut");
        let mut again = Vec::new();
        for packet in &whole {
            assert!(packet.len() <= LARGEST_FRAME && frame(packet, &mut again));
        }
        assert!(bytes.starts_with(&again));
    });
}

#[test]
fn payloads() {
    check!().with_iterations(MANY).for_each(|bytes: &[u8]| {
        for codec in [Codec::Vp9, Codec::H264, Codec::Av1, Codec::Opus] {
            let _ = starts_key_frame(codec, bytes);
        }
        let key = starts_key_frame(Codec::Vp8, bytes);
        if let Ok(descriptor) = str0m::rtp::Vp8Descriptor::parse(bytes) {
            assert_eq!(key, descriptor.starts_keyframe(bytes), "both readers agree");
        }
        let mut pictures = PictureIds::default();
        for newest in [true, false] {
            let _ = pictures.patch(bytes, newest);
            pictures.switch(bytes);
        }
    });
}

#[test]
fn dependency_descriptors() {
    check!().with_iterations(MANY).for_each(|bytes: &[u8]| {
        let Some(descriptor) = DependencyDescriptor::parse(bytes) else {
            return;
        };
        let mut numbers = FrameNumbers::default();
        let first = numbers.rewrite(&descriptor);
        assert_eq!(first, None, "the first layer goes through as it comes");
        numbers.switch(&descriptor);
        let next = numbers.rewrite(&descriptor).expect("another number");
        assert_eq!(next.frame_number(), descriptor.frame_number().wrapping_add(1));
    });
}

#[test]
fn datagrams_of_strangers() {
    let at = |address: &str| Endpoint::udp(address.parse().unwrap());
    let (stranger, friend) = (at("198.51.100.7:9"), at("198.51.100.8:9"));
    check!().with_iterations(MANY).for_each(|bytes: &[u8]| {
        let mut demux = Demux::default();
        demux.open(RoomId(1), PeerId(2));
        demux.name(PeerId(2), "name".to_owned());
        demux.bind(PeerId(2), friend, Path::Datagrams { port: 0, local: None });
        demux.owner(stranger, bytes);
        demux.owner(friend, bytes);
    });
}

fn publisher() -> (World, usize) {
    let mut world = World::new();
    let ann = world.participant("ann");
    let client = world.connect(ann, PeerMode::Single);
    (world, client)
}

#[test]
fn datagrams_of_a_client() {
    check!().with_iterations(SOME).for_each(|bytes: &[u8]| {
        let (mut world, client) = publisher();
        world.client_offers(client, |api| {
            vec![api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None)]
        });
        let (peer, from) = (world.clients[client].peer, world.clients[client].address);
        let way = (Endpoint::udp(from), Endpoint::udp(server()));
        world.room.datagram(world.now, peer, way, bytes, &mut world.effects);
        assert!(world.effects.bound.is_empty(), "nothing was proved");
        world.step();
    });
}

#[test]
fn descriptions_and_candidates() {
    check!().with_iterations(SOME).for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (mut world, client) = publisher();
        let peer = world.clients[client].peer;
        world.command(Command::AddIceCandidate { peer, candidate: text.clone() });
        world.command(Command::AcceptOffer { peer, request: 7, sdp: text });
        let answered = world.events.iter().any(|event| {
            matches!(event, Event::Answered { request: 7, .. } | Event::Refused { request: 7, .. })
        });
        assert!(answered, "each offer has its answer");
        world.step();
    });
}
