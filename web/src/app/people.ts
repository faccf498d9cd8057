import type { Participant, Role, Room, ShareMode } from "../wire/types.gen.ts";

/** One participant as the screen shows them: the fold, seen from one chair. */
export interface Person {
  readonly identity: string;
  readonly sid: string;
  readonly name: string;
  readonly role: Role;
  readonly isMe: boolean;
  readonly microphone: "none" | "muted" | "on";
  readonly camera: boolean;
  readonly share: ShareMode | null;
  readonly shareSound: boolean;
  /** Their program does not know the plane that carries the call: they hear and see nobody. */
  readonly leftOut: boolean;
  /** They take part in sound and picture on the plane that carries them: a way to them is sought. */
  readonly expected: boolean;
  /** 1 is the first in the queue. */
  readonly handPlace: number | null;
}

export function peopleOf(room: Room, me: string): Person[] {
  return room.participants.map((seat) => personOf(room, seat, me));
}

/** Whether somebody takes part in sound and picture, and not by the plane that carries them. */
export function isLeftOut({ meeting }: Room, { planes }: Participant): boolean {
  return meeting !== null && planes.length > 0 && !planes.includes(meeting.plane);
}

function personOf(room: Room, seat: Participant, me: string): Person {
  const { microphone, camera, screen_share: share, screen_share_audio: sound } = seat.tracks;
  const place = room.slices.hand.queue.indexOf(seat.identity);
  return {
    identity: seat.identity,
    sid: seat.sid,
    name: seat.name,
    role: seat.role,
    isMe: seat.identity === me,
    microphone: microphone === undefined ? "none" : microphone.muted ? "muted" : "on",
    camera: camera !== undefined && !camera.muted,
    share: share === undefined || share.muted ? null : (share.mode ?? "text"),
    shareSound: sound !== undefined && !sound.muted,
    leftOut: isLeftOut(room, seat),
    expected: room.meeting === null || seat.planes.includes(room.meeting.plane),
    handPlace: place < 0 ? null : place + 1,
  };
}

/** People in the order in which a list shows them: hosts first, then by name. */
export function inListOrder(people: readonly Person[], locale: string): Person[] {
  const collator = new Intl.Collator(locale, { sensitivity: "base", numeric: true });
  return [...people].sort(
    (a, b) =>
      Number(b.isMe) - Number(a.isMe) ||
      Number(b.role === "host") - Number(a.role === "host") ||
      collator.compare(a.name, b.name),
  );
}
