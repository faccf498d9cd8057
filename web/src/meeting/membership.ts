/** Who is in the room: twin of `moim.meeting.membership.apply`. */

import type { Participant, Room } from "../wire/types.gen";
import type { Durable } from "./fold";

export function applyMembership(room: Room, event: Durable): Room {
  switch (event.type) {
    case "meeting.started": {
      const { meeting_id: id, epoch, plane } = event.payload;
      const { at_ms } = event;
      const fresh = { started_ms: at_ms, plane, move: null, changed_ms: at_ms, failures: 0 };
      return { ...room, epoch, meeting: { id, epoch, ...fresh } };
    }
    case "meeting.ended":
      return { ...room, meeting: null, participants: [] };
    case "participant.joined": {
      const { identity, sid, name, role, livekit, planes } = event.payload;
      const fresh = { joined_ms: event.at_ms, tracks: {}, sfu: null, no_way: [] };
      const seat = { identity, sid, name, role, livekit, planes, ...fresh };
      return { ...room, participants: [...without(room, identity), seat] };
    }
    case "participant.resumed": {
      const { identity, sid, planes } = event.payload;
      return changeSeat(room, identity, { sid, planes });
    }
    case "participant.left":
      return { ...room, participants: without(room, event.payload.identity) };
    case "participant.renamed":
      return changeSeat(room, event.payload.identity, { name: event.payload.name });
    case "participant.barred": {
      const { identity, name } = event.payload;
      const others = room.barred.filter((b) => b.identity !== identity);
      return { ...room, barred: [...others, { identity, name }] };
    }
    case "participant.readmitted": {
      const { identity } = event.payload;
      return { ...room, barred: room.barred.filter((b) => b.identity !== identity) };
    }
    case "role.granted": {
      const { identity, role } = event.payload;
      const { [identity]: _before, ...roles } = room.roles;
      if (role === "host") roles[identity] = role;
      return changeSeat({ ...room, roles }, identity, { role });
    }
    default:
      return room;
  }
}

export function findSeat(room: Room, identity: string): Participant | undefined {
  return room.participants.find((p) => p.identity === identity);
}

export function changeSeat(room: Room, identity: string, changes: Partial<Participant>): Room {
  if (!findSeat(room, identity)) return room;
  const participants = room.participants.map((p) =>
    p.identity === identity ? { ...p, ...changes } : p,
  );
  return { ...room, participants };
}

function without(room: Room, identity: string): Participant[] {
  return room.participants.filter((p) => p.identity !== identity);
}
