import * as m from "../paraglide/messages.js";
import type { Feature } from "./feature.ts";
import type { Chord } from "./keyboard.ts";
import { CAMERA_KEYS, LAYOUT_KEY, MICROPHONE_KEYS, TALK_KEY } from "./own_shortcuts.ts";

export interface ShortcutLine {
  readonly label: string;
  readonly chords: readonly Chord[];
}

/** Every shortcut in the order of the toolbar, for the sheet that shows them. */
export function shortcutLines(features: readonly Feature[]): ShortcutLine[] {
  return [
    { label: m.shortcut_talk(), chords: [TALK_KEY] },
    { label: m.shortcut_microphone(), chords: MICROPHONE_KEYS },
    { label: m.shortcut_camera(), chords: CAMERA_KEYS },
    ...features.flatMap(({ shortcuts }) =>
      (shortcuts ?? []).map(({ label, chords }) => ({ label: label(), chords })),
    ),
    { label: m.shortcut_layout(), chords: [LAYOUT_KEY] },
  ];
}
