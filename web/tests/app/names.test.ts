import { expect, test } from "vitest";
import { countGraphemes, cutGraphemes, tidyName } from "../../src/app/graphemes.ts";
import { limitsFrom } from "../../src/app/start.ts";

test("a family emoji and a decomposed syllable count as one", () => {
  expect(countGraphemes("👨‍👩‍👧")).toBe(1);
  expect(countGraphemes("한".normalize("NFD"))).toBe(1);
  expect(countGraphemes("abc")).toBe(3);
});

test("a cut never splits a grapheme", () => {
  expect(cutGraphemes("a👨‍👩‍👧b", 2)).toBe("a👨‍👩‍👧");
});

test("a name is composed, on one line and within its limit", () => {
  expect(tidyName("  김\n민아  ".normalize("NFD"), 40)).toBe("김 민아");
  expect(tidyName("abcdef", 3)).toBe("abc");
  expect(tidyName(" \t ", 40)).toBe("");
});

test("limits that the server does not name are our own", () => {
  expect(limitsFrom({ name_graphemes: 12, message_graphemes: 99 })).toMatchObject({
    name_graphemes: 12,
    text_graphemes: 99,
  });
  expect(limitsFrom(null).name_graphemes).toBe(40);
});
