//! What a forwarded packet costs the engine, counted: it may fall, and rises only on purpose.
//!
//! The counts are those of the room's own code on one thread, in virtual time: the same on every
//! machine. Cryptography is real.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use common::{PACKETS_PER_PICTURE, Publisher, World};
use moim_engine::command::{Command, PeerMode};

thread_local! {
    static METER: Cell<Meter> = const { Cell::new(Meter::ZERO) };
}

#[derive(Clone, Copy, Debug)]
struct Meter {
    running: bool,
    allocations: u64,
    bytes: u64,
    /// Allocated less freed, whoever frees.
    live: i64,
}

impl Meter {
    const ZERO: Self = Self { running: false, allocations: 0, bytes: 0, live: 0 };
}

struct Counting;

fn count(layout: Layout, sign: i64) {
    let _ = METER.try_with(|meter| {
        let mut now = meter.get();
        if now.running {
            now.allocations += u64::from(sign > 0);
            now.bytes += if sign > 0 { layout.size() as u64 } else { 0 };
            now.live += sign * layout.size() as i64;
            meter.set(now);
        }
    });
}

// SAFETY: all calls go on to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout, 1);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout, -1);
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn meter(on: bool) {
    METER.with(|meter| meter.set(Meter { running: on, ..meter.get() }));
}

fn read() -> Meter {
    METER.with(Cell::get)
}

const SECOND: Duration = Duration::from_secs(1);

/// For each forwarded packet, receipt, feedback and timers of everybody included.
#[derive(Debug)]
struct Cost {
    forwarded: u64,
    allocations: f64,
    allocated_bytes: f64,
    sent_bytes: f64,
    datagrams: f64,
    bundles: f64,
    calls: f64,
}

/// A room whose picture so many see.
fn room(subscribers: usize) -> (World, Publisher) {
    let mut world = World::new();
    world.around = meter;
    let mut ann = world.publisher("ann", false);
    let mut clients = vec![ann.client];
    for number in 0..subscribers {
        clients.push(world.subscriber(&format!("s{number}"), &[ann.video]).client);
    }
    world.connected(&clients);
    world.film(&mut ann, 3 * SECOND);
    (world, ann)
}

/// What the packets of five seconds cost.
fn cost(subscribers: usize) -> Cost {
    let (mut world, mut ann) = room(subscribers);
    let (before, sent) = (read(), world.sent);
    let forwarded = world.effects.counters.packets_forwarded;
    world.film(&mut ann, 5 * SECOND);
    let after = read();
    let forwarded = world.effects.counters.packets_forwarded - forwarded;
    let each = |count: u64| count as f64 / forwarded as f64;
    Cost {
        forwarded,
        allocations: each(after.allocations - before.allocations),
        allocated_bytes: each(after.bytes - before.bytes),
        sent_bytes: each(world.sent.bytes - sent.bytes),
        datagrams: each(world.sent.datagrams - sent.datagrams),
        bundles: each(world.sent.bundles - sent.bundles),
        calls: each(world.sent.calls - sent.calls),
    }
}

/// A picture of three packets of 700 bytes to each of twenty, who answer with reports: the room's
/// own copy of a packet is what is sent.
#[test]
fn a_forwarded_packet_costs_no_more_than_it_did() {
    let cost = cost(20);
    let pictures_a_second = 20;
    let packets = pictures_a_second * PACKETS_PER_PICTURE as u64 * 5 * 20;
    assert!(cost.forwarded.abs_diff(packets) <= packets / 50, "{cost:?}");
    // One in str0m's sealing; the others are those of reports, feedback and their reading.
    assert!(cost.allocations <= 3.2, "{cost:?}");
    assert!(cost.allocated_bytes <= 3_060.0, "{cost:?}");
    assert!(cost.sent_bytes <= 760.0, "{cost:?}");
    assert!(cost.datagrams <= 1.06, "{cost:?}");
    assert!(cost.bundles <= 0.385, "{cost:?}");
    assert!(cost.calls <= 0.043, "{cost:?}");
}

#[test]
fn a_subscriber_holds_no_more_memory_than_it_did() {
    let held = |subscribers| {
        let before = read().live;
        let world = room(subscribers);
        let held = read().live - before;
        drop(world);
        held
    };
    let each_kb = (held(30) - held(10)) / 20 / 1_024;
    assert!((50..=130).contains(&each_kb), "{each_kb} KB");
}

/// Ten who film in three layers, and see the middle one of the nine others: `10-by-10` of the
/// bench, but for the pages of the program, Python, and what the system's allocator adds.
#[test]
fn one_of_ten_who_all_see_each_other_holds_no_more_memory_than_it_did() {
    let before = read().live;
    let mut world = World::new();
    world.around = meter;
    let mut all: Vec<Publisher> =
        (0..10).map(|n| world.publisher(&format!("p{n}"), true)).collect();
    let mut clients: Vec<usize> = all.iter().map(|one| one.client).collect();
    for one in &all {
        let client = world.connect(one.participant, PeerMode::Subscriber);
        let peer = world.clients[client].peer;
        for track in all.iter().map(|other| other.video).filter(|track| *track != one.video) {
            world.command(Command::Subscribe { peer, track, mid: None });
            world.command(Command::SetLayer { peer, track, layer: 1, enabled: true });
        }
        world.room_offers(client);
        clients.push(client);
    }
    world.connected(&clients);
    let end = world.now + 4 * SECOND;
    while world.now < end {
        all.iter_mut().for_each(|one| world.picture(one));
        world.run(SECOND / 20);
    }
    let each_kb = (read().live - before) / 10 / 1_024;
    assert!((300..=720).contains(&each_kb), "{each_kb} KB");
}

/// What `make bench-engine` runs under callgrind for two times: the difference is forwarding alone.
#[test]
#[ignore = "make bench-engine"]
fn pictures_for_some_seconds() {
    let seconds: u32 = std::env::var("MOIM_BENCH_SECONDS").unwrap().parse().unwrap();
    let (mut world, mut ann) = room(20);
    let before = world.effects.counters.packets_forwarded;
    world.film(&mut ann, seconds * SECOND);
    println!("forwarded {}", world.effects.counters.packets_forwarded - before);
}
