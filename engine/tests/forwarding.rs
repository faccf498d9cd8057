//! Whole calls in virtual time: what is published is seen.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Weather, World, speak, video_ssrc, view};
use moim_engine::command::Command;
use moim_engine::event::Event;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_viewer_sees_every_picture_from_its_first_key_frame_on() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video, ann.audio]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, 5 * SECOND);
    let client = &world.clients[bob.client];
    let viewed = view(&client.packets, video_ssrc(client));
    assert!(viewed.pictures.len() >= 90, "{}", viewed.pictures.len());
    assert_eq!((viewed.missing, viewed.duplicates), (0, 0));
    let steps = viewed.timestamps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    assert!(steps.clone().all(|step| step == 4_500), "{:?}", steps.collect::<Vec<_>>());
    let started = Event::MediaStarted { track: ann.video, mime: "video/vp8" };
    assert!(world.events.contains(&started));
}

#[test]
fn lost_packets_are_sent_again_on_both_ways() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, SECOND);
    let rough = Weather {
        loss: 0.05,
        burst: 0.3,
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(20),
    };
    world.clients[ann.client].weather = rough;
    world.clients[bob.client].weather = rough;
    world.film(&mut ann, 8 * SECOND);
    world.clients[ann.client].weather = common::CALM;
    world.clients[bob.client].weather = common::CALM;
    world.film(&mut ann, SECOND);
    let client = &world.clients[bob.client];
    let viewed = view(&client.packets, video_ssrc(client));
    assert_eq!(viewed.duplicates, 0);
    assert!(viewed.pictures.len() >= 195, "{} pictures", viewed.pictures.len());
    assert!(viewed.missing <= 6, "{} of 600 packets stay lost", viewed.missing);
}

#[test]
fn a_change_of_layers_is_seamless() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", true);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    let (peer, track) = (bob.peer, ann.video);
    world.film(&mut ann, 3 * SECOND);
    for layer in [0, 1, 2, 0, 2] {
        world.command(Command::SetLayer { peer, track, layer, enabled: true });
        world.film(&mut ann, 2 * SECOND);
    }
    let client = &world.clients[bob.client];
    let viewed = view(&client.packets, video_ssrc(client));
    assert_eq!((viewed.missing, viewed.duplicates), (0, 0));
    let mut layers: Vec<char> = viewed.pictures.iter().map(|(layer, _)| *layer as char).collect();
    layers.dedup();
    // It starts with whichever layer came first, and is at the best one soon.
    assert!(layers.ends_with(&['f', 'q', 'h', 'f', 'q', 'f']), "{layers:?}");
    for pair in viewed.pictures.windows(2) {
        // Layers arrive interleaved: a switch may cut the picture that is under way.
        let cut = u16::from(pair[0].0 != pair[1].0);
        let step = pair[1].1.wrapping_sub(pair[0].1) & 0x7fff;
        assert!((1..=1 + cut).contains(&step), "picture ids go on: {pair:?}");
    }
    for pair in viewed.timestamps.windows(2) {
        let step = pair[1].wrapping_sub(pair[0]);
        assert!((90..=9_000).contains(&step), "a step of {step} ticks");
    }
    let mut told = world.events.iter().filter_map(|event| match event {
        Event::Forwarding { layer, .. } => Some(*layer),
        _ => None,
    });
    assert_eq!(told.next_back(), Some(Some(2)));
}

#[test]
fn a_layer_that_stops_is_replaced_by_the_next_lower_one() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", true);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, 3 * SECOND);
    ann.cameras[2].on = false;
    world.film(&mut ann, 4 * SECOND);
    let client = &world.clients[bob.client];
    let viewed = view(&client.packets, video_ssrc(client));
    assert_eq!(viewed.pictures.last().unwrap().0, b'h');
    assert_eq!(viewed.missing, 0);
    let layers = Event::LayersChanged { track: ann.video, layers: vec![0, 1] };
    assert!(world.events.contains(&layers));
}

#[test]
fn a_paused_subscription_gets_nothing_and_resumes_at_a_key_frame() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    let (peer, track) = (bob.peer, ann.video);
    world.film(&mut ann, SECOND);
    world.command(Command::SetLayer { peer, track, layer: 2, enabled: false });
    world.film(&mut ann, SECOND);
    let before = world.clients[bob.client].packets.len();
    world.film(&mut ann, SECOND);
    assert_eq!(world.clients[bob.client].packets.len(), before);
    world.command(Command::SetLayer { peer, track, layer: 2, enabled: true });
    world.film(&mut ann, 2 * SECOND);
    let client = &world.clients[bob.client];
    assert_eq!(client.packets[before].payload[4], 0, "the first packet is of a key frame");
    let viewed = view(&client.packets, video_ssrc(client));
    assert_eq!(viewed.missing, 0);
}

#[test]
fn a_late_viewer_is_served_a_key_frame_and_many_of_them_cost_one_request() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    world.connected(&[ann.client]);
    world.film(&mut ann, 2 * SECOND);
    let viewers: Vec<_> =
        (0..5).map(|n| world.subscriber(&format!("v{n}"), &[ann.video])).collect();
    let clients: Vec<usize> = viewers.iter().map(|viewer| viewer.client).collect();
    world.connected(&clients);
    let before = world.effects.counters.key_frame_requests;
    world.film(&mut ann, 3 * SECOND);
    for client in &clients {
        let client = &world.clients[*client];
        let viewed = view(&client.packets, video_ssrc(client));
        assert!(viewed.pictures.len() > 40, "{}", viewed.pictures.len());
    }
    let asked = world.effects.counters.key_frame_requests - before;
    assert!(asked <= 3, "{asked} requests");
}

#[test]
fn who_talks_is_told_loudest_first() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.audio]);
    world.connected(&[ann.client, bob.client]);
    for n in 0..100 {
        let now = world.now;
        speak(&mut world.clients[ann.client].rtc, ann.audio_mid, n, now, -12);
        world.run(Duration::from_millis(20));
    }
    world.run(SECOND);
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Speakers { speakers, .. } => Some(speakers.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told.first().unwrap()[0].0, ann.participant);
    assert!(told.last().unwrap().is_empty(), "silence is told too: {told:?}");
    let heard = world.clients[bob.client].packets.len();
    assert!(heard >= 98, "{heard} of 100 packets");
    let level = world.clients[bob.client].packets[50].header.ext_vals.audio_level;
    assert_eq!(level, Some(-12));
}

#[test]
fn an_ended_track_frees_its_line_for_the_next_one() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", false);
    let mut eve = world.publisher("eve", false);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, eve.client, bob.client]);
    world.film(&mut ann, SECOND);
    let first = video_ssrc(&world.clients[bob.client]);
    world.command(Command::Unpublish { track: ann.video });
    assert!(world.events.contains(&Event::NegotiationNeeded { peer: bob.peer }));
    assert_eq!(world.room_offers(bob.client), []);
    world.command(Command::Subscribe { peer: bob.peer, track: eve.video, mid: None });
    let lines = world.room_offers(bob.client);
    assert_eq!(lines, [(bob.lines[0].0.clone(), eve.video)], "the same m-line");
    world.clients[bob.client].packets.clear();
    world.film(&mut eve, 2 * SECOND);
    let client = &world.clients[bob.client];
    let second = video_ssrc(client);
    assert_ne!(first, second, "another stream");
    assert!(view(&client.packets, second).pictures.len() > 20);
}

#[test]
fn sustained_loss_lowers_the_layer_and_a_calm_way_raises_it_again() {
    let mut world = World::new();
    let mut ann = world.publisher("ann", true);
    let bob = world.subscriber("bob", &[ann.video]);
    world.connected(&[ann.client, bob.client]);
    world.film(&mut ann, 4 * SECOND);
    let told = |world: &World| {
        world.events.iter().rev().find_map(|event| match event {
            Event::Forwarding { layer, congested, .. } => Some((*layer, *congested)),
            _ => None,
        })
    };
    assert_eq!(told(&world), Some((Some(2), false)));
    let calm = world.clients[bob.client].weather;
    world.clients[bob.client].weather = Weather { loss: 0.3, burst: 0.3, ..calm };
    world.film(&mut ann, 15 * SECOND);
    let lowered = told(&world);
    assert!(matches!(lowered, Some((Some(0 | 1), true))), "{lowered:?}");
    world.clients[bob.client].weather = calm;
    world.film(&mut ann, 90 * SECOND);
    assert_eq!(told(&world), Some((Some(2), false)));
}
