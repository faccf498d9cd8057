/** What is published: twin of `moim.meeting.tracks.apply`. */

import type { Room, Source, Track } from "../wire/types.gen";
import type { Durable } from "./fold";
import { changeSeat, findSeat } from "./membership";

export function applyTracks(room: Room, event: Durable): Room {
  switch (event.type) {
    case "track.published": {
      const { identity, source, muted, mode } = event.payload;
      const old = trackOf(room, identity, source);
      return put(room, identity, { source, muted, by: muted ? (old?.by ?? null) : null, mode });
    }
    case "track.unpublished": {
      const { identity, source } = event.payload;
      const seat = findSeat(room, identity);
      if (!seat) return room;
      const { [source]: _gone, ...tracks } = seat.tracks;
      return changeSeat(room, identity, { tracks });
    }
    case "track.muted": {
      const { identity, source, by } = event.payload;
      const track = trackOf(room, identity, source);
      if (!track) return room;
      return put(room, identity, { ...track, muted: true, by: by === identity ? null : by });
    }
    case "track.unmuted": {
      const { identity, source } = event.payload;
      const track = trackOf(room, identity, source);
      return track ? put(room, identity, { ...track, muted: false, by: null }) : room;
    }
    default:
      return room;
  }
}

export function trackOf(room: Room, identity: string, source: Source): Track | undefined {
  return findSeat(room, identity)?.tracks[source];
}

function put(room: Room, identity: string, track: Track): Room {
  const seat = findSeat(room, identity);
  if (!seat) return room;
  return changeSeat(room, identity, { tracks: { ...seat.tracks, [track.source]: track } });
}
