/** What guests may do: twin of `moim.meeting.rights.apply`. */

import type { Right, Room, Source } from "../wire/types.gen";
import type { Durable } from "./fold";

export const RIGHTS = ["microphone", "camera", "share", "chat"] as const satisfies readonly Right[];

/** What one needs to publish a source. */
export const RIGHT_OF: Readonly<Record<Source, Right>> = {
  microphone: "microphone",
  camera: "camera",
  screen_share: "share",
  screen_share_audio: "share",
};

/** Whether somebody has a right here: hosts have all of them. */
export function may(room: Room, identity: string, right: Right): boolean {
  if (room.roles[identity] === "host") return true;
  const exceptions = room.exceptions[identity] ?? [];
  return room.denied.includes(right) === exceptions.includes(right);
}

export function applyRights(room: Room, event: Durable): Room {
  switch (event.type) {
    case "right.changed": {
      const { right, allowed, identity } = event.payload;
      return identity === null
        ? forAll(room, right, allowed)
        : forOne(room, event.payload, identity);
    }
    case "meeting.ended":
      return { ...room, exceptions: {} };
    default:
      return room;
  }
}

function forAll(room: Room, right: Right, allowed: boolean): Room {
  const kept = Object.entries(room.exceptions).map(
    ([identity, rights]) => [identity, withRight(rights, right, false)] as const,
  );
  return {
    ...room,
    denied: withRight(room.denied, right, !allowed),
    exceptions: Object.fromEntries(kept.filter(([, rights]) => rights.length > 0)),
  };
}

function forOne(
  room: Room,
  { right, allowed }: { right: Right; allowed: boolean },
  identity: string,
): Room {
  const { [identity]: before, ...others } = room.exceptions;
  const own = withRight(before ?? [], right, allowed === room.denied.includes(right));
  return { ...room, exceptions: own.length > 0 ? { ...others, [identity]: own } : others };
}

/** In the order of `RIGHTS`, so that the same rights are the same value. */
function withRight(rights: readonly Right[], right: Right, on: boolean): Right[] {
  return RIGHTS.filter((one) => (one === right ? on : rights.includes(one)));
}
