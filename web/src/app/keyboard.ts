/**
 * Which shortcut a key press means. By `event.code`, so that they sit on the same keys under a Hangul
 * layout; dead while composing, in fields, and (Space) on anything that Space itself presses.
 */

export interface Chord {
  /** `KeyboardEvent.code`, such as "KeyM". */
  readonly code: string;
  /** With Ctrl, or Cmd on a Mac. Without it the shortcut is a single key, which a person can switch off. */
  readonly command?: boolean;
  readonly shift?: boolean;
  /** The character is taken too, for layouts that have it elsewhere ("?"). */
  readonly key?: string;
}

/** What the keyboard is over when the key goes down. */
export type Focus = "page" | "field" | "pressable";

export interface KeyPress {
  readonly code: string;
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
  readonly isComposing: boolean;
  readonly keyCode?: number;
}

// Safari ends the composition before the keydown of the Enter that ended it; 229 is what remains of it.
const COMPOSING_KEY_CODE = 229;

export function isComposing(press: Pick<KeyPress, "isComposing" | "keyCode">): boolean {
  return press.isComposing || press.keyCode === COMPOSING_KEY_CODE;
}

export function matches(
  chord: Chord,
  press: KeyPress,
  focus: Focus,
  singleKeysOn: boolean,
): boolean {
  if (isComposing(press) || press.altKey) return false;
  const command = press.ctrlKey || press.metaKey;
  if (chord.command) return command && !press.shiftKey && press.code === chord.code;
  if (command || focus === "field" || !singleKeysOn) return false;
  if (chord.key !== undefined && press.key === chord.key) return true;
  if (press.code !== chord.code || press.shiftKey !== (chord.shift ?? false)) return false;
  return chord.code !== "Space" || focus === "page";
}

const FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";
const NOT_TYPED_INTO =
  "input[type=checkbox], input[type=radio], input[type=button], input[type=range]";
const PRESSABLE =
  "button, a[href], summary, label, video[controls], [role=button], [role=menuitem], [role=menuitemradio], [role=menuitemcheckbox], [role=option], [role=tab], [role=switch], [role=slider], [role=dialog], input";

export function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof Element)) return "page";
  const field = target.closest(FIELDS);
  if (field !== null && !field.matches(NOT_TYPED_INTO)) return "field";
  return target.closest(PRESSABLE) === null ? "page" : "pressable";
}

/** How a chord is written on a key cap: "M", "Space", "?", "Ctrl D" or "⌘ D". */
export function written(chord: Chord, onMac: boolean): string {
  const cap = chord.key ?? chord.code.replace(/^(Key|Digit)/u, "");
  return chord.command ? `${onMac ? "⌘" : "Ctrl"} ${cap}` : cap;
}

/** The value of `aria-keyshortcuts`. */
export function ariaShortcut(chord: Chord, onMac: boolean): string {
  const cap = chord.key ?? chord.code.replace(/^(Key|Digit)/u, "");
  return chord.command ? `${onMac ? "Meta" : "Control"}+${cap}` : cap;
}
