import { may } from "../meeting/rights.ts";
import * as m from "../paraglide/messages.js";
import type { Right, Room } from "../wire/types.gen.ts";

/** What each right is called in a list of them. */
export const RIGHT_NAMES: Readonly<Record<Right, () => string>> = {
  microphone: m.microphone,
  camera: m.camera,
  share: m.share,
  chat: m.chat,
};

const TAKEN: Readonly<Record<Right, () => string>> = {
  microphone: m.right_taken_microphone,
  camera: m.right_taken_camera,
  share: m.right_taken_share,
  chat: m.right_taken_chat,
};

const GIVEN: Readonly<Record<Right, () => string>> = {
  microphone: m.right_given_microphone,
  camera: m.right_given_camera,
  share: m.right_given_share,
  chat: m.right_given_chat,
};

/** Why somebody may not; null when they may. */
export function reasonAgainst(room: Room, identity: string, right: Right): string | null {
  return may(room, identity, right) ? null : TAKEN[right]();
}

/** What somebody is told when a right of theirs has changed. */
export function rightText(right: Right, allowed: boolean): string {
  return (allowed ? GIVEN : TAKEN)[right]();
}
