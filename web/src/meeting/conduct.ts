/** The room itself: twin of `moim.meeting.conduct.apply`. */

import type { Room } from "../wire/types.gen";
import type { Durable } from "./fold";

export function applyConduct(room: Room, event: Durable): Room {
  switch (event.type) {
    case "room.created": {
      const { slug, name, listed, owner } = event.payload;
      return {
        ...room,
        slug,
        name,
        listed,
        owner,
        roles: { [owner]: "host" },
        created_ms: event.at_ms,
      };
    }
    case "room.renamed":
      return { ...room, name: event.payload.name };
    case "room.listing_changed":
      return { ...room, listed: event.payload.listed };
    case "room.locked":
      return { ...room, locked: true };
    case "room.unlocked":
      return { ...room, locked: false };
    default:
      return room;
  }
}
