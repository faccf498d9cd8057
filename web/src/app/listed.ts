import type { Listed, Source } from "../media/session.ts";
import { may } from "../meeting/rights.ts";
import type { Room } from "../wire/types.gen.ts";

/** Whom the media are to connect to, and what of each may be played, as the room says. */
export function listedIn(room: Room, me: string): readonly Listed[] {
  return (
    room.participants
      // To who takes no part in sound and picture there is nothing to connect.
      .filter(({ identity, planes }) => identity !== me && planes.length > 0)
      .map(({ identity, sid, livekit, tracks }) => ({
        identity,
        sid,
        livekit,
        data: may(room, identity, "chat"),
        allowed: Object.values(tracks)
          .filter((track) => !track.muted)
          .map((track): Source => track.source),
      }))
  );
}
