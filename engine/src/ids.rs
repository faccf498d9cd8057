//! Opaque ids, and the map that is keyed by them.
//!
//! The upper half of an id is the number of its room, so each leads to its room, and to the media
//! thread of the room (`number % threads`), without a table that threads would share.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl $name {
            /// The id of a room's nth member.
            pub fn new(room: RoomId, number: u32) -> Self {
                Self(room.0 | u64::from(number))
            }

            /// The room that it belongs to.
            pub fn room(self) -> RoomId {
                RoomId(self.0 & ROOM_MASK)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

const ROOM_SHIFT: u32 = 32;
const ROOM_MASK: u64 = u64::MAX << ROOM_SHIFT;

/// One room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub u64);

impl RoomId {
    /// The nth room.
    pub fn numbered(number: u32) -> Self {
        Self(u64::from(number) << ROOM_SHIFT)
    }

    /// The media thread that it lives on.
    pub fn shard(self, threads: usize) -> usize {
        ((self.0 >> ROOM_SHIFT) % threads.max(1) as u64) as usize
    }
}

id! {
    /// One seat in a room.
    ParticipantId
}
id! {
    /// One connection of a participant.
    PeerId
}
id! {
    /// One published track.
    TrackId
}

/// A map from ids: they are counted by us, so nobody can choose colliding ones.
pub type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads a counted number over all bits (Fibonacci hashing).
#[derive(Debug, Default, Clone, Copy)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
