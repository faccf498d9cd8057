//! Connections in virtual time: one for both ways, restarts, silence, ends and strangers.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::{Duration, SystemTime};

use common::{Weather, World, channels, speak, video_ssrc, view, vp8};
use moim_engine::command::{Command, PeerMode};
use moim_engine::endpoint::Endpoint;
use moim_engine::event::{Event, Failure, PeerState, Refusal};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind};
use str0m::rtp::RtpPacket;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_connection_serves_both_ways_and_its_lines_are_used_again() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let mut eve = world.publisher("eve", false);
    world.connected(&[ann.client, eve.client]);
    let bob = world.participant("bob");
    let client = world.connect(bob, PeerMode::Single);
    let peer = world.clients[client].peer;
    let mids = world.client_offers(client, |api| {
        for config in channels() {
            api.add_channel_with_config(config);
        }
        let kinds = [MediaKind::Audio, MediaKind::Video];
        kinds.map(|kind| api.add_media(kind, Direction::RecvOnly, None, None, None)).into()
    });
    world.connected(&[client]);
    let slot = mids[1];
    let (video, mid) = (ann.video, Some(slot.to_string()));
    world.command(Command::Subscribe { peer, track: video, mid: mid.clone() });
    let more = |api: &mut str0m::change::SdpApi<'_>| {
        vec![api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None)]
    };
    world.film(&mut ann, SECOND);
    assert!(world.clients[client].packets.is_empty(), "not before the answer names the stream");
    world.client_offers(client, more);
    world.film(&mut ann, 2 * SECOND);
    let first = video_ssrc(&world.clients[client]);
    assert!(view(&world.clients[client].packets, first).pictures.len() > 20);
    assert_eq!(world.clients[client].mids[&*first], slot);

    world.command(Command::Unsubscribe { peer, track: video });
    world.command(Command::Subscribe { peer, track: eve.video, mid });
    world.client_offers(client, more);
    world.clients[client].packets.clear();
    world.film(&mut eve, 2 * SECOND);
    let second = video_ssrc(&world.clients[client]);
    assert_ne!(first, second);
    assert_eq!(world.clients[client].mids[&*second], slot);
    assert!(view(&world.clients[client].packets, second).pictures.len() > 20);
}

#[test]
fn an_unanswered_offer_is_void_and_its_tracks_are_in_the_next_one() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let participant = world.participant("bob");
    let client = world.connect(participant, PeerMode::Subscriber);
    let peer = world.clients[client].peer;
    world.command(Command::Subscribe { peer, track: ann.video, mid: None });
    world.command(Command::CreateOffer { peer, request: 100, ice_restart: false });
    let lines = world.room_offers(client);
    assert_eq!(lines.len(), 1);
    world.command(Command::AcceptAnswer { peer, request: 100, sdp: String::new() });
    let refused = world
        .events
        .iter()
        .any(|event| matches!(event, Event::Refused { request: 100, reason: Refusal::State, .. }));
    assert!(refused);
    world.connected(&[ann.client, client]);
    world.film(&mut ann, 2 * SECOND);
    let viewer = &world.clients[client];
    assert!(view(&viewer.packets, video_ssrc(viewer)).pictures.len() > 20);
}

#[test]
fn ice_restarts_by_either_side_while_media_flows() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, SECOND);

    let (peer, request) = (bob.peer, 500);
    world.command(Command::CreateOffer { peer, request, ice_restart: true });
    let offered = world.events.iter().rev().find_map(|event| match event {
        Event::Offered { request: 500, sdp, .. } => Some(sdp.clone()),
        _ => None,
    });
    let offer = SdpOffer::from_sdp_string(&offered.unwrap()).unwrap();
    let rtc = &mut world.clients[bob.client].rtc;
    let answer = rtc.sdp_api().accept_offer(offer).unwrap();
    world.command(Command::AcceptAnswer { peer, request, sdp: answer.to_sdp_string() });

    let peer = world.clients[ann.client].peer;
    let mut api = world.clients[ann.client].rtc.sdp_api();
    api.ice_restart(true);
    let (offer, pending) = api.apply().unwrap();
    let sdp = offer.to_sdp_string();
    world.command(Command::AcceptOffer { peer, request: 501, sdp });
    let answered = world.events.iter().rev().find_map(|event| match event {
        Event::Answered { request: 501, sdp, .. } => Some(sdp.clone()),
        _ => None,
    });
    let answered = answered.unwrap();
    assert!(answered.contains("a=candidate:"), "{answered}");
    let answer = SdpAnswer::from_sdp_string(&answered).unwrap();
    world.clients[ann.client].rtc.sdp_api().accept_answer(pending, answer).unwrap();

    world.film(&mut ann, 3 * SECOND);
    world.clients[bob.client].packets.clear();
    world.film(&mut ann, 4 * SECOND);
    let viewer = &world.clients[bob.client];
    let viewed = view(&viewer.packets, video_ssrc(viewer));
    assert!(viewed.pictures.len() >= 75, "{}", viewed.pictures.len());
    assert_eq!(viewed.missing, 0);
}

#[test]
fn a_client_that_falls_silent_is_told_and_so_is_its_return() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    world.connected(&[ann.client]);
    let calm = world.clients[ann.client].weather;
    world.clients[ann.client].weather = Weather { loss: 1.0, burst: 1.0, ..calm };
    let peer = world.clients[ann.client].peer;
    let told = |world: &World, state| {
        world.events.iter().rposition(|event| *event == Event::PeerState { peer, state })
    };
    world.run_until(30 * SECOND, |world| told(world, PeerState::Disconnected).is_some());
    world.clients[ann.client].weather = calm;
    world.run_until(30 * SECOND, |world| {
        told(world, PeerState::Connected) > told(world, PeerState::Disconnected)
    });
    world.film(&mut ann, SECOND);
    assert!(world.effects.counters.packets_in > 0);
}

#[test]
fn the_end_of_a_publisher_ends_its_tracks_for_all() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video, ann.audio]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, SECOND);
    world.clients[ann.client].rtc.close().unwrap();
    let peer = world.clients[ann.client].peer;
    let failed = Event::PeerState { peer, state: PeerState::Failed(Failure::Closed) };
    world.run_until(10 * SECOND, |world| world.events.contains(&failed));
    assert_eq!(world.room.sizes(), (0, 0));
    assert!(world.events.contains(&Event::NegotiationNeeded { peer: bob.peer }));
    world.command(Command::CloseParticipant { participant: bob.participant });
    assert_eq!(world.room.peer_ids().count(), 0);
}

#[test]
fn a_client_that_never_comes_is_left_to_the_caller() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    world.clients[ann.client].weather.loss = 1.0;
    world.clients[ann.client].weather.burst = 1.0;
    world.run(60 * SECOND);
    assert_eq!(world.room.sizes(), (2, 0));
    let silent = |event: &Event| match event {
        Event::PeerState { state, .. } => *state == PeerState::Disconnected,
        _ => true,
    };
    assert!(world.events.iter().all(silent));
    world.command(Command::ClosePeer { peer: world.clients[ann.client].peer });
    assert_eq!(world.room.sizes(), (0, 0));
}

#[test]
fn another_certificate_than_the_described_one_is_not_served() {
    let mut world = World::new();
    world.forged_fingerprint = true;
    let ann = world.publisher("ann", false);
    let peer = world.clients[ann.client].peer;
    let failed = |event: &Event| match event {
        Event::PeerState { peer: of, state: PeerState::Failed(_) } => *of == peer,
        _ => false,
    };
    world.run_until(60 * SECOND, |world| world.events.iter().any(failed));
    let connected = Event::PeerState { peer, state: PeerState::Connected };
    assert!(!world.events.contains(&connected));
}

#[test]
fn garbage_and_strangers_change_nothing() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    let stranger = "203.0.113.9:5000".parse().unwrap();
    let peer = world.clients[ann.client].peer;
    for length in 0..200 {
        for first in [0, 1, 20, 22, 63, 128, 144, 200, 255] {
            let mut bytes: Vec<u8> =
                (0..length).map(|_| (world.dice.roll() * 256.0) as u8).collect();
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            let own = world.clients[ann.client].address;
            for from in [own, stranger] {
                let way = (Endpoint::udp(from), Endpoint::udp(common::server()));
                world.room.datagram(world.now, peer, way, &bytes, &mut world.effects);
            }
        }
    }
    assert!(world.effects.bound.iter().all(|(_, from)| from.address != stranger));
    world.film(&mut ann, 2 * SECOND);
    let viewer = &world.clients[bob.client];
    assert!(view(&viewer.packets, video_ssrc(viewer)).pictures.len() > 30);
    let failed =
        |event: &Event| matches!(event, Event::PeerState { state: PeerState::Failed(_), .. });
    assert!(!world.events.iter().any(failed));
}

/// A description with one thing wrong.
fn spoil(sdp: &str, dice: &mut common::Dice) -> String {
    let mut lines: Vec<String> = sdp.lines().map(str::to_owned).collect();
    let mut pick = |count: usize| (dice.roll() * count as f64) as usize;
    let (at, other, what) = (pick(lines.len()), pick(lines.len()), pick(4));
    match what {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        _ => {
            let digit = char::from(b'0' + pick(10) as u8);
            let digits: Vec<usize> =
                lines[at].match_indices(|c: char| c.is_ascii_digit()).map(|m| m.0).collect();
            if let Some(place) = digits.get(pick(digits.len().max(1))) {
                lines[at].replace_range(*place..=*place, &digit.to_string());
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

#[test]
fn a_spoiled_description_costs_at_most_its_own_connection() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    let maker = world.participant("maker");
    let client = world.connect(maker, PeerMode::Publisher);
    let mut api = world.clients[client].rtc.sdp_api();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        api.add_media(kind, Direction::SendRecv, None, None, None);
    }
    let offer = api.apply().unwrap().0.to_sdp_string();
    // The case that a fuzzer of the signalling found: two uses of one payload type.
    let twice = offer.replacen("a=rtpmap:111 opus/48000/2", "a=rtpmap:96 VP8/90000", 1);
    let spoiled = (0..300).map(|_| spoil(&offer, &mut world.dice)).collect::<Vec<_>>();
    for (request, sdp) in (1_000..).zip([twice].into_iter().chain(spoiled)) {
        let peer = world.clients[client].peer;
        world.command(Command::AcceptOffer { peer, request, sdp });
        world.command(Command::ClosePeer { peer });
        let again = world.connect(maker, PeerMode::Publisher);
        world.clients[client].peer = world.clients[again].peer;
        world.clients.pop();
    }
    world.film(&mut ann, 2 * SECOND);
    let viewer = &world.clients[bob.client];
    assert!(view(&viewer.packets, video_ssrc(viewer)).pictures.len() > 30);
}

/// How late the receiver believes a packet to be, by the sender's last report.
fn lag_ms(packet: &RtpPacket, clock_rate: f64, captured_ms: f64) -> f64 {
    let report = packet.last_sender_info.expect("a report");
    let ticks = packet.header.timestamp.wrapping_sub(report.rtp_time.numer() as u32) as i32;
    let reported = report.ntp_time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    (reported + f64::from(ticks) / clock_rate) * 1_000.0 - captured_ms
}

#[test]
fn lips_stay_in_sync_over_layer_changes() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", true);
    let bob = world.subscriber("bob", &[ann.video, ann.audio]);
    world.connected(&[ann.client, bob.client]);
    let (peer, track) = (bob.peer, ann.video);
    let (zero, begun) = (world.start, world.now);
    // Pictures are sent a quarter of a second after they were taken, sound at once.
    let encoding = Duration::from_millis(250);
    for n in 0..700u64 {
        let now = world.now;
        if n % 3 == 0 {
            let wanted = std::mem::take(&mut world.clients[ann.client].key_frames_wanted);
            let taken = now - encoding;
            for camera in &mut ann.cameras {
                camera.key |= wanted.iter().any(|(_, rid)| *rid == camera.rid);
                let since = taken.saturating_duration_since(zero);
                camera.film(&mut world.clients[ann.client].rtc, taken, since);
            }
        }
        speak(&mut world.clients[ann.client].rtc, ann.audio_mid, n, now, -20);
        if n % 150 == 149 {
            let layer = [0, 2, 1, 2][(n / 150) as usize % 4];
            world.command(Command::SetLayer { peer, track, layer, enabled: true });
        }
        world.run(Duration::from_millis(20));
    }
    let viewer = &world.clients[bob.client];
    let pt = vp8(&viewer.rtc);
    let video = viewer.packets.iter().rev().find(|p| p.header.payload_type == pt).unwrap();
    let audio = viewer.packets.iter().rev().find(|p| p.header.payload_type != pt).unwrap();
    let taken_ms = f64::from(u32::from_be_bytes(video.payload[6..10].try_into().unwrap()));
    let spoken_ms =
        (begun - zero).as_secs_f64() * 1_000.0 + f64::from(audio.header.timestamp) / 960.0 * 20.0;
    let offset = lag_ms(video, 90_000.0, taken_ms) - lag_ms(audio, 48_000.0, spoken_ms);
    assert!(offset.abs() < 40.0, "{offset} ms");
}
