/**
 * The fold: `apply(room, frame)` is the twin of `moim.meeting.rules.apply`, over what one viewer may
 * see. The golden traces in tests/golden are folded by both and must agree.
 */

import type { Events, Frame, Room } from "../wire/types.gen";
import { applyConduct } from "./conduct";
import { applyMembership } from "./membership";
import { applyRights } from "./rights";
import { applySlices } from "./slices";
import { applyTopology } from "./topology";
import { applyTracks } from "./tracks";

export type EventType = keyof Events;

/** A durable event as the client holds it: its frame, and its type beside it. */
export type Durable = {
  [T in EventType]: Omit<Frame, "payload"> & { type: T; payload: Events[T] };
}[EventType];

/** The room of somebody who has not seen it yet. */
export function emptyRoom(id = ""): Room {
  return {
    id,
    slug: "",
    name: "",
    listed: false,
    locked: false,
    plane: "auto",
    denied: [],
    exceptions: {},
    created_ms: 0,
    owner: "system",
    roles: {},
    epoch: 0,
    meeting: null,
    participants: [],
    barred: [],
    slices: {
      image: { waiting: {} },
      chat: { messages: [], writers: [] },
      private: { boxes: {} },
      retention: { days: null },
      file: { files: [] },
      hand: { queue: [] },
      recording: { by: [] },
      game: { round: 0, near: null, far: null },
      app: { apps: [] },
    },
    streams: {},
  };
}

/** The room after one event. Nothing is changed in place. */
export function apply(room: Room, event: Durable): Room {
  const people = applyMembership(applyConduct(room, event), event);
  const next = applyTopology(applyRights(applyTracks(people, event), event), event);
  return {
    ...next,
    slices: applySlices(next.slices, event),
    streams: { ...next.streams, [event.stream]: event.seq },
  };
}

/** The last number that this viewer has seen. */
export function seqOf(room: Room): number {
  return Math.max(0, ...Object.values(room.streams));
}
