import { describe, expect, test } from "vitest";
import { type Chord, type Focus, type KeyPress, matches, written } from "../../src/app/keyboard.ts";

const press = (code: string, more: Partial<KeyPress> = {}): KeyPress => ({
  code,
  key: code.replace("Key", "").toLowerCase(),
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  isComposing: false,
  ...more,
});

const M: Chord = { code: "KeyM" };
const SPACE: Chord = { code: "Space" };
const CTRL_D: Chord = { code: "KeyD", command: true };
const HELP: Chord = { code: "Slash", shift: true, key: "?" };

const table: [string, boolean, Chord, KeyPress, Focus, boolean][] = [
  ["a letter on the page", true, M, press("KeyM"), "page", true],
  ["a letter under a Hangul layout", true, M, press("KeyM", { key: "ㅡ" }), "page", true],
  ["a letter on a button", true, M, press("KeyM"), "pressable", true],
  ["a letter in a field", false, M, press("KeyM"), "field", true],
  ["a letter with single keys off", false, M, press("KeyM"), "page", false],
  ["a letter with Ctrl", false, M, press("KeyM", { ctrlKey: true }), "page", true],
  ["a letter with Alt", false, M, press("KeyM", { altKey: true }), "page", true],
  ["a letter with Shift", false, M, press("KeyM", { shiftKey: true }), "page", true],
  ["a letter while composing", false, M, press("KeyM", { isComposing: true }), "page", true],
  [
    "the last key of a composition in Safari",
    false,
    M,
    press("KeyM", { keyCode: 229 }),
    "page",
    true,
  ],
  ["Space on the page", true, SPACE, press("Space"), "page", true],
  ["Space on a button", false, SPACE, press("Space"), "pressable", true],
  ["Space in a field", false, SPACE, press("Space"), "field", true],
  ["Ctrl D", true, CTRL_D, press("KeyD", { ctrlKey: true }), "page", true],
  ["Cmd D in a field", true, CTRL_D, press("KeyD", { metaKey: true }), "field", true],
  ["Ctrl D with single keys off", true, CTRL_D, press("KeyD", { ctrlKey: true }), "page", false],
  ["D without Ctrl", false, CTRL_D, press("KeyD"), "page", true],
  ["Ctrl Shift D", false, CTRL_D, press("KeyD", { ctrlKey: true, shiftKey: true }), "page", true],
  ["? by its place", true, HELP, press("Slash", { shiftKey: true }), "page", true],
  [
    "? elsewhere on the keyboard",
    true,
    HELP,
    press("Minus", { key: "?", shiftKey: true }),
    "page",
    true,
  ],
  ["a slash", false, HELP, press("Slash"), "page", true],
];

describe("a shortcut", () => {
  test.each(table)("%s: %s", (_what, expected, chord, event, focus, singleKeysOn) => {
    expect(matches(chord, event, focus, singleKeysOn)).toBe(expected);
  });
});

test("chords are written as on the keys", () => {
  expect(written(M, false)).toBe("M");
  expect(written(CTRL_D, false)).toBe("Ctrl D");
  expect(written(CTRL_D, true)).toBe("⌘ D");
  expect(written(HELP, false)).toBe("?");
});
