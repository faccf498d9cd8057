/** Which plane carries the meeting: twin of `moim.meeting.topology.apply`. */

import type { Meeting, Room } from "../wire/types.gen";
import type { Durable } from "./fold";
import { changeSeat } from "./membership";

export function applyTopology(room: Room, event: Durable): Room {
  switch (event.type) {
    case "plane.chosen":
      return change({ ...room, plane: event.payload.choice }, { failures: 0 });
    case "plane.reported": {
      const { identity, sfu, no_way } = event.payload;
      return changeSeat(room, identity, { sfu, no_way });
    }
    case "plane.moving": {
      const { to, epoch } = event.payload;
      const move = { to, epoch, began_ms: event.at_ms, ready: [] };
      return change({ ...room, epoch }, { move });
    }
    case "plane.readied": {
      const { identity, epoch } = event.payload;
      const move = room.meeting?.move;
      if (!move || move.epoch !== epoch) return room;
      return change(room, { move: { ...move, ready: [...move.ready, identity] } });
    }
    case "plane.moved": {
      const { plane, epoch } = event.payload;
      return change(room, { plane, epoch, move: null, changed_ms: event.at_ms, failures: 0 });
    }
    case "plane.stayed": {
      const { identity, reason } = event.payload;
      const failures = (room.meeting?.failures ?? 0) + 1;
      const stayed = change(room, { move: null, changed_ms: event.at_ms, failures });
      if (identity === null || reason !== "no_way") return stayed;
      return changeSeat(stayed, identity, { sfu: false });
    }
    case "participant.joined":
    case "participant.left":
      return change(room, { changed_ms: event.at_ms });
    default:
      return room;
  }
}

function change(room: Room, changes: Partial<Meeting>): Room {
  return room.meeting ? { ...room, meeting: { ...room.meeting, ...changes } } : room;
}
