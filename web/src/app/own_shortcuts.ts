import type { Chord } from "./keyboard.ts";

/** The keys of microphone and camera: a single key that can be switched off, and one with Ctrl or Cmd. */
export const MICROPHONE_KEYS: readonly [Chord, Chord] = [
  { code: "KeyM" },
  { code: "KeyD", command: true },
];
export const CAMERA_KEYS: readonly [Chord, Chord] = [
  { code: "KeyV" },
  { code: "KeyE", command: true },
];
export const TALK_KEY: Chord = { code: "Space" };
export const LAYOUT_KEY: Chord = { code: "KeyW" };

export function onMac(): boolean {
  return /Mac|iPhone|iPad/u.test(navigator.platform);
}
