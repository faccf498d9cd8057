//! Several spatial layers in one stream (SVC), in virtual time: VP9 in L3T1_KEY.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Client, Publisher, Subscriber, Weather, World};
use moim_engine::command::Command;
use moim_engine::event::Event;
use str0m::format::Codec;
use str0m::rtp::{RtpPacket, RtpWrite};

const SECOND: Duration = Duration::from_secs(1);
/// Packets of each layer's frame.
const PARTS: [usize; 3] = [1, 2, 4];

/// An encoder that sends a key frame where one is wanted.
struct Layered {
    seq: u64,
    picture: u16,
    key: bool,
    keys: usize,
}

impl Layered {
    fn film(&mut self, world: &mut World, ann: &Publisher, time: Duration) {
        let end = world.now + time;
        while world.now < end {
            let client = &mut world.clients[ann.client];
            self.key |= !std::mem::take(&mut client.key_frames_wanted).is_empty();
            self.picture(client, ann, world.now, world.now - world.start);
            world.run(Duration::from_millis(50));
        }
    }

    fn picture(
        &mut self,
        client: &mut Client,
        ann: &Publisher,
        now: std::time::Instant,
        since: Duration,
    ) {
        let is_vp9 = |p: &&str0m::format::PayloadParams| p.spec().codec == Codec::Vp9;
        let pt = client.rtc.codec_config().params().iter().find(is_vp9).unwrap().pt();
        let mid = ann.cameras[0].mid;
        let mut api = client.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).unwrap();
        let key = std::mem::take(&mut self.key);
        self.keys += usize::from(key);
        let time = (since.as_millis() * 90) as u32;
        for (layer, parts) in (0u8..).zip(PARTS) {
            for part in 0..parts {
                let (begins, ends) = (part == 0, part + 1 == parts);
                // I, P, L, F, B, E; the layers above the lowest one of a key frame lean on it.
                let flags =
                    0xa0 | u8::from(!key) << 6 | u8::from(begins) << 3 | u8::from(ends) << 2;
                let id = (self.picture | 0x8000).to_be_bytes();
                let leans = u8::from(key && layer > 0);
                let mut payload = vec![flags, id[0], id[1], layer << 1 | leans, 0];
                payload.extend([layer, u8::from(begins), u8::from(ends)]);
                payload.resize(600, 1);
                let write = RtpWrite::new(pt, self.seq.into(), time, now, payload)
                    .marker(ends && layer == 2)
                    .nackable(true);
                stream.write_rtp(write);
                self.seq += 1;
            }
        }
        self.picture = (self.picture + 1) & 0x7fff;
    }
}

fn call() -> (World, Publisher, Subscriber, Subscriber, Layered) {
    let mut world = World::new();
    world.codec = "vp9";
    let ann = world.publisher("ann", false);
    let bob = world.subscriber("bob", &[ann.video]);
    let eve = world.subscriber("eve", &[ann.video]);
    world.connected(&[ann.client, bob.client, eve.client]);
    let mut camera = Layered { seq: 65_000, picture: 32_000, key: true, keys: 0 };
    camera.film(&mut world, &ann, 3 * SECOND);
    (world, ann, bob, eve, camera)
}

/// Checks what a decoder relies on, and gives the highest layer of each picture.
fn pictures(packets: &[RtpPacket]) -> Vec<u8> {
    let mut packets: Vec<&RtpPacket> = packets.iter().collect();
    packets.sort_by_key(|packet| *packet.seq_no);
    let mut tops = Vec::new();
    let first = *packets[0].seq_no;
    let (mut parts, mut layer) = (0, 0);
    for (number, packet) in (first..).zip(packets) {
        assert_eq!(*packet.seq_no, number, "no gap");
        let payload: &[u8] = &packet.payload;
        if payload[6] == 1 {
            assert!(payload[5] == 0 || payload[5] == layer + 1, "layers in their order");
            (parts, layer) = (0, payload[5]);
        }
        parts += 1;
        assert_eq!(payload[7] == 1, parts == PARTS[usize::from(layer)], "whole frames");
        if packet.header.marker {
            assert_eq!(payload[7], 1);
            tops.push(layer);
        }
    }
    tops
}

fn set_layer(world: &mut World, who: &Subscriber, ann: &Publisher, layer: u8) {
    let (peer, track) = (who.peer, ann.video);
    world.command(Command::SetLayer { peer, track, layer, enabled: true });
}

#[test]
fn who_wants_less_gets_the_lower_layers_of_a_stream_and_the_others_all_of_it() {
    let (mut world, ann, bob, eve, mut camera) = call();
    let keys = camera.keys;
    for layer in [0, 1] {
        set_layer(&mut world, &bob, &ann, layer);
        camera.film(&mut world, &ann, 2 * SECOND);
    }
    assert_eq!(camera.keys, keys + 1, "less needs no key frame, more does");
    set_layer(&mut world, &bob, &ann, 2);
    camera.film(&mut world, &ann, 2 * SECOND);
    assert_eq!(camera.keys, keys + 2);
    let mut tops = pictures(&world.clients[bob.client].packets);
    let sent = tops.len();
    tops.dedup();
    assert_eq!(tops, [2, 0, 1, 2]);
    let all = pictures(&world.clients[eve.client].packets);
    assert!(all.len() == sent && all.iter().all(|top| *top == 2));
    let layers: Vec<Option<u8>> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Forwarding { peer, layer, .. } if *peer == bob.peer => Some(*layer),
            _ => None,
        })
        .collect();
    assert!(layers.ends_with(&[Some(2), Some(0), Some(1), Some(2)]), "{layers:?}");
}

#[test]
fn what_is_lost_on_the_way_here_is_still_whole_for_who_gets_the_lower_layers() {
    let (mut world, ann, bob, _, mut camera) = call();
    set_layer(&mut world, &bob, &ann, 1);
    camera.film(&mut world, &ann, SECOND);
    let calm = world.clients[ann.client].weather;
    let jitter = Duration::from_millis(5);
    world.clients[ann.client].weather = Weather { loss: 0.05, jitter, ..calm };
    camera.film(&mut world, &ann, 6 * SECOND);
    world.clients[ann.client].weather = calm;
    camera.film(&mut world, &ann, SECOND);
    let mut packets: Vec<&RtpPacket> = world.clients[bob.client].packets.iter().collect();
    packets.sort_by_key(|packet| *packet.seq_no);
    let mut numbers: Vec<u64> = packets.iter().map(|packet| *packet.seq_no).collect();
    let came = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), came, "each number once");
    let lowest = packets.iter().filter(|packet| packet.payload[5] == 0).count();
    let upper = packets.iter().filter(|packet| packet.payload[5] == 1).count();
    assert!(lowest >= 215, "{lowest} of 220 frames of the lowest layer");
    assert!(upper >= 425, "{upper} of 440 packets of the next one");
}
