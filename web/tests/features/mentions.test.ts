import { expect, test } from "vitest";
import {
  type Mentionable,
  mentionable,
  mentionAsked,
  mentionsIn,
  withMention,
  withMentions,
} from "../../src/features/chat/mentions.ts";

const person = (identity: string, name: string, present = true): Mentionable => ({
  identity,
  name,
  present,
});
const JUN = person("u_jun", "Jun");
const JUNE = person("u_june", "June");
const MINA = person("u_mina", "김민아");
const SORA = person("u_sora", "Sora Lee", false);
const ALL = [JUN, JUNE, MINA, SORA];
const nobody = new Set<string>();

test.each([
  ["@", 1, { from: 0, query: "" }],
  ["hi @ju", 6, { from: 3, query: "ju" }],
  ["hi @김민", 6, { from: 3, query: "김민" }],
  ["hi @Sora L", 10, { from: 3, query: "Sora L" }],
  ["line\n@ju", 8, { from: 5, query: "ju" }],
])("after an @ somebody is being named: %s", (text, cursor, asked) => {
  expect(mentionAsked(text, cursor)).toEqual(asked);
});

test.each([
  ["mail@example.org", 16],
  ["@jun\nwell", 9],
  ["@ jun", 5],
  ["no", 2],
  ["@jun", 0],
  [`@${"x".repeat(60)}`, 61],
])("nobody is named by %s", (text, cursor) => {
  expect(mentionAsked(text, cursor)).toBeNull();
});

test("those present come first, then those whose name begins so; case and accents are alike", () => {
  const people = [person("1", "Big José", false), person("2", "a José"), person("3", "JOSÉ")];
  expect(mentionable(people, "jose").map(({ identity }) => identity)).toEqual(["3", "2", "1"]);
  expect(mentionable(ALL, "민")).toEqual([MINA]);
  expect(mentionable(ALL, "x")).toEqual([]);
});

test("a picked name takes the place of what was typed", () => {
  const put = withMention("hi @ju there", { from: 3, query: "ju" }, "Jun");
  expect(put).toEqual({ text: "hi @Jun there", cursor: 8 });
});

test("a text means the longest name at each @, with or without a particle behind it", () => {
  expect(mentionsIn("@June, @김민아님이 @Sora Lee", ALL, nobody)).toEqual([
    "u_june",
    "u_mina",
    "u_sora",
  ]);
  expect(mentionsIn("@Jun and @Jun", ALL, nobody)).toEqual(["u_jun"]);
  expect(mentionsIn("Jun, @nobody", ALL, nobody)).toEqual([]);
});

test("of two with one name only who was picked is meant", () => {
  const twins = [person("u_1", "Kim"), person("u_2", "Kim")];
  expect(mentionsIn("@Kim", twins, nobody)).toEqual([]);
  expect(mentionsIn("@Kim", twins, new Set(["u_2"]))).toEqual(["u_2"]);
});

test("a message is cut at its mentions, and links stay whole", () => {
  const pieces = [
    { kind: "text", text: "@Jun see " },
    { kind: "link", text: "https://a.example/@Jun", href: "https://a.example/@Jun" },
  ] as const;
  expect(withMentions(pieces, [{ identity: "u_jun", name: "Jun" }])).toEqual([
    { kind: "mention", text: "@Jun", identity: "u_jun" },
    { kind: "text", text: " see " },
    pieces[1],
  ]);
  expect(withMentions([{ kind: "text", text: "@Jun" }], [])).toEqual([
    { kind: "text", text: "@Jun" },
  ]);
});
