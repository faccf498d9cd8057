import type { Durable } from "../meeting/fold.ts";
import { findSeat } from "../meeting/membership.ts";
import { may } from "../meeting/rights.ts";
import * as m from "../paraglide/messages.js";
import type { Room } from "../wire/types.gen.ts";
import type { Notices } from "./notices.svelte.ts";
import { rightText } from "./rights.ts";
import { SOUNDS_UP_TO, type Sound } from "./sounds.ts";

export interface NewsOf {
  readonly event: Durable;
  readonly before: Room;
  readonly after: Room;
  readonly me: string;
}

export interface Teller {
  readonly notices: Notices;
  readonly sound: (sound: Sound) => void;
}

/** What somebody in the call is told when something happened. Features tell their own. */
export function tell({ event, before, after, me }: NewsOf, { notices, sound }: Teller): void {
  const name = (identity: string): string =>
    findSeat(after, identity)?.name ?? findSeat(before, identity)?.name ?? "";
  const quiet = after.participants.length > SOUNDS_UP_TO;
  switch (event.type) {
    case "participant.joined":
      if (event.payload.identity === me) return;
      notices.show(m.someone_joined({ name: event.payload.name }), {
        topic: `seat ${event.payload.identity}`,
      });
      if (!quiet) sound("join");
      return;
    case "participant.left": {
      const { identity, reason } = event.payload;
      // The end of the whole call is told once, by its own page.
      if (identity === me || reason === "ended") return;
      const said = reason === "removed" ? m.someone_removed : m.someone_left;
      notices.show(said({ name: name(identity) }), { topic: `seat ${identity}` });
      if (!quiet) sound("leave");
      return;
    }
    case "participant.renamed": {
      const { identity, name: now } = event.payload;
      const was = findSeat(before, identity)?.name;
      if (identity === me || was === undefined || was === now) return;
      notices.show(m.someone_renamed({ before: was, name: now }));
      return;
    }
    case "track.muted": {
      const { identity, source, by } = event.payload;
      if (identity !== me || by === me) return;
      if (source === "microphone") {
        notices.show(m.someone_muted_you({ name: name(by) }), { topic: "microphone" });
      } else if (source === "camera") {
        notices.show(m.someone_stopped_camera({ name: name(by) }), { topic: "camera" });
      }
      return;
    }
    case "right.changed": {
      const { right } = event.payload;
      const now = may(after, me, right);
      if (now !== may(before, me, right)) {
        notices.show(rightText(right, now), { topic: `right ${right}` });
      }
      return;
    }
    case "role.granted":
      if (event.payload.identity !== me) return;
      notices.show(event.payload.role === "host" ? m.you_are_host() : m.you_are_guest());
      return;
    case "room.locked":
      notices.show(m.room_was_locked(), { topic: "lock" });
      return;
    case "room.unlocked":
      notices.show(m.room_was_unlocked(), { topic: "lock" });
      return;
    case "room.renamed":
      notices.show(m.room_was_renamed({ name: event.payload.name }));
      return;
  }
}
