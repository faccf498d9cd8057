//! Data messages in virtual time: to whom, from whom, in which order, and who is too slow.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{World, contains, user_packet};
use moim_engine::command::{Command, PeerMode, Rights, ServerData};
use moim_engine::event::Event;

const SECOND: Duration = Duration::from_secs(1);

fn payloads(world: &World, client: usize) -> Vec<(String, Vec<u8>)> {
    world.clients[client].messages.clone()
}

#[test]
fn a_message_reaches_the_others_stamped_with_its_sender_and_never_comes_back() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let ann_hears = world.connect(ann.participant, PeerMode::Subscriber);
    world.room_offers(ann_hears);
    let bob = world.subscriber("bob", &[]);
    let eve = world.subscriber("eve", &[]);
    world.connected(&[ann.client, ann_hears, bob.client, eve.client]);
    world.run(SECOND);
    world.clients[ann.client].send("_reliable", &user_packet(b"to all", &[], 1));
    world.clients[ann.client].send("_lossy", &user_packet(b"to eve", &["eve"], 0));
    world.run(SECOND);
    let [bobs, eves] = [bob.client, eve.client].map(|client| payloads(&world, client));
    assert_eq!(bobs.len(), 1, "{bobs:?}");
    assert_eq!(bobs[0].0, "_reliable");
    assert!(contains(&bobs[0].1, b"to all") && contains(&bobs[0].1, b"PA_ann"));
    let labels: Vec<_> = eves.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["_reliable", "_lossy"]);
    assert!(contains(&eves[1].1, b"to eve"));
    assert!(payloads(&world, ann_hears).is_empty(), "no echo");
}

#[test]
fn what_comes_again_after_a_resume_is_not_forwarded_twice() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[]);
    world.connected(&[ann.client, bob.client]);
    world.run(SECOND);
    for sequence in [1, 2, 1, 2, 3] {
        world.clients[ann.client].send("_reliable", &user_packet(&[sequence], &[], sequence));
    }
    world.run(SECOND);
    assert_eq!(payloads(&world, bob.client).len(), 3);
}

#[test]
fn who_is_still_connecting_gets_what_was_said_since_it_joined() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    world.connected(&[ann.client]);
    world.run(SECOND);
    let bob = world.participant("bob");
    world.clients[ann.client].send("_reliable", &user_packet(b"early", &[], 1));
    world.run(SECOND);
    let client = world.connect(bob, PeerMode::Subscriber);
    world.room_offers(client);
    world.connected(&[client]);
    world.run(SECOND);
    let got = payloads(&world, client);
    assert_eq!(got.len(), 1);
    assert!(contains(&got[0].1, b"early"));
}

#[test]
fn who_may_not_publish_data_is_not_heard() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[]);
    world.connected(&[ann.client, bob.client]);
    world.run(SECOND);
    let rights = Rights { can_publish_data: false, can_subscribe: true, hidden: false };
    world.command(Command::UpdateParticipant { participant: ann.participant, rights });
    world.clients[ann.client].send("_reliable", &user_packet(b"psst", &[], 1));
    world.run(SECOND);
    assert!(payloads(&world, bob.client).is_empty());
    assert_eq!(world.effects.counters.data_dropped, 1);
}

#[test]
fn who_may_not_subscribe_gets_data_over_its_own_channels() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let eve = world.publisher("eve", false);
    let rights = Rights { can_publish_data: true, can_subscribe: false, hidden: false };
    world.command(Command::UpdateParticipant { participant: eve.participant, rights });
    world.connected(&[ann.client, eve.client]);
    world.run(SECOND);
    world.clients[ann.client].send("_reliable", &user_packet(b"hello", &[], 1));
    world.run(SECOND);
    assert_eq!(payloads(&world, eve.client).len(), 1);
}

#[test]
fn the_server_speaks_to_some_and_hears_what_is_addressed_to_it() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[]);
    let eve = world.subscriber("eve", &[]);
    world.connected(&[ann.client, bob.client, eve.client]);
    world.run(SECOND);
    let packet = user_packet(b"from the server", &[], 0);
    let to = Some(vec![bob.participant]);
    world.command(Command::SendData(ServerData { packet: packet.clone(), reliable: true, to }));
    world.command(Command::Intercept { identity: "server".to_owned(), on: true });
    world.clients[ann.client].send("_reliable", &user_packet(b"to you", &["server"], 1));
    world.run(SECOND);
    assert_eq!(payloads(&world, bob.client), [("_reliable".to_owned(), packet)]);
    assert!(payloads(&world, eve.client).is_empty());
    let heard = world.events.iter().any(|event| match event {
        Event::DataReceived { participant, reliable: true, packet } => {
            *participant == ann.participant && contains(packet, b"to you")
        }
        _ => false,
    });
    assert!(heard);
}

#[test]
fn a_reader_that_is_gone_costs_bounded_memory_and_nobody_else_anything() {
    let mut world = World::new();
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[]);
    let eve = world.subscriber("eve", &[]);
    world.connected(&[ann.client, bob.client, eve.client]);
    world.run(SECOND);
    world.clients[eve.client].weather.loss = 1.0;
    world.clients[eve.client].weather.burst = 1.0;
    let message = vec![7; 16_000];
    let count = 300;
    let mut sent = 0;
    while sent < count {
        let packet = user_packet(&message, &[], 0);
        if world.clients[ann.client].send("_reliable", &packet) {
            sent += 1;
        } else {
            world.run(Duration::from_millis(20));
        }
    }
    world.run_until(60 * SECOND, |world| world.clients[bob.client].messages.len() == count);
    let overflow = Event::DataOverflow { participant: eve.participant };
    assert_eq!(world.events.iter().filter(|event| **event == overflow).count(), 1);
}
