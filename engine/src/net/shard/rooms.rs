//! The rooms of a media thread, each kept to itself: a panic in one ends that one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::TrySendError;
use std::time::Instant;

use super::Shard;
use crate::command::{Addressed, Command};
use crate::event::{Event, Refusal};
use crate::ids::RoomId;
use crate::net::builder::{self, Job};
use crate::room::{Effects, Room};

/// A room, and when it wants its turn.
pub(super) struct Slot {
    pub(super) room: Room,
    pub(super) deadline: Option<Instant>,
    pub(super) touched: bool,
}

impl Shard {
    pub(super) fn open_room(&mut self, id: RoomId) {
        let room = Room::new(id, self.candidates.clone());
        self.rooms.insert(id, Slot { room, deadline: None, touched: false });
    }

    pub(super) fn command(&mut self, now: Instant, Addressed { room, command }: Addressed) {
        if !self.rooms.contains_key(&room) {
            if let Some((peer, request)) = command.awaits() {
                let detail = "no such room".to_owned();
                let reason = Refusal::Gone;
                self.effects.events.push(Event::Refused { peer, request, reason, detail });
            }
            return;
        }
        if let Command::OpenPeer { peer, .. } = &command {
            self.demux.open(room, *peer);
        }
        self.guard(room, |room, effects| room.command(now, command, effects));
    }

    pub(super) fn close_room(&mut self, now: Instant, id: RoomId) {
        self.guard(id, |room, effects| room.close(now, effects));
        self.effects.closed.clear();
        if let Some(slot) = self.rooms.remove(&id) {
            self.flush();
            drop_quietly(slot);
        }
        self.demux.close_room(id);
        self.release();
    }

    /// Runs a room's code. A panic in it ends this room, and no other.
    pub(super) fn guard(&mut self, id: RoomId, run: impl FnOnce(&mut Room, &mut Effects)) {
        let Some(slot) = self.rooms.get_mut(&id) else {
            return;
        };
        slot.touched = true;
        let effects = &mut self.effects;
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut slot.room, effects)));
        if let Err(panic) = result {
            let reason = reason(panic.as_ref());
            if let Some(slot) = self.rooms.remove(&id) {
                drop_quietly(slot);
            }
            self.demux.close_room(id);
            self.effects.events.push(Event::RoomFailed { room: id, reason });
        }
        self.note_effects();
    }

    /// Names and ends of connections must be known before the next datagram.
    fn note_effects(&mut self) {
        for (peer, name) in self.effects.names.drain(..) {
            self.demux.name(peer, name);
        }
        for peer in self.effects.closed.drain(..) {
            self.demux.close(peer);
        }
        self.release();
        for build in self.effects.builds.drain(..) {
            let job = Job { build, shard: self.index };
            if let Err(TrySendError::Full(job)) = self.builder.try_send(job) {
                // A storm of joins: slower here than there, but done.
                if let Some(link) = self.links.get(self.index) {
                    let _ = link.try_send(builder::make(job.build));
                }
            }
        }
    }

    /// Gives all rooms their turn that have something to do, and sends what comes of it.
    pub(super) fn settle(&mut self, now: Instant) {
        let due: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, slot)| slot.touched || slot.deadline.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.guard(id, |room, effects| room.settle(now, effects));
            if let Some(slot) = self.rooms.get_mut(&id) {
                slot.touched = false;
                slot.deadline = slot.room.deadline();
            }
        }
        self.flush();
    }
}

/// A room that panicked may panic again while it is dropped.
fn drop_quietly(slot: Slot) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(slot)));
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic").to_owned()
}
