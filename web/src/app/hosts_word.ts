import type { Source } from "../media/session.ts";
import { findSeat } from "../meeting/membership.ts";
import { may } from "../meeting/rights.ts";
import type { Right, Room } from "../wire/types.gen.ts";
import type { LocalMedia } from "./local.svelte.ts";

/** What hosts may turn off here. */
export type HostsReach = Pick<
  LocalMedia,
  "setMicrophoneForNow" | "setCameraForNow" | "stopShare" | "giveUp"
>;

/**
 * A host's mute, and the end of a right, are carried out here, before anything is reconciled.
 * Only the moment it appears counts: one's own later unmute may still be on its way to the server.
 */
export function obeyHosts(before: Room, after: Room, me: string, local: HostsReach): void {
  const mutedByHost = (room: Room, source: Source): boolean => {
    const track = findSeat(room, me)?.tracks[source];
    return track !== undefined && track.muted && track.by !== null;
  };
  const newly = (source: Source): boolean =>
    mutedByHost(after, source) && !mutedByHost(before, source);
  if (newly("microphone")) void local.setMicrophoneForNow(false);
  if (newly("camera")) void local.setCameraForNow(false);
  if (newly("screen_share") || newly("screen_share_audio")) void local.stopShare();
  const lost = (right: Right): boolean => may(before, me, right) && !may(after, me, right);
  if (lost("microphone")) void local.giveUp("microphone");
  if (lost("camera")) void local.giveUp("camera");
  if (lost("share")) void local.stopShare();
}
