import { expect, test } from "vitest";
import { byEmoji } from "../../src/features/chat/reactions.ts";

test("reactions are counted by emoji, those of the list in its order and others after them", () => {
  const reactions = { u_1: "🦊", u_2: "🎉", u_3: "👍", u_4: "🎉" };
  expect(byEmoji(reactions)).toEqual([
    { emoji: "👍", who: ["u_3"] },
    { emoji: "🎉", who: ["u_2", "u_4"] },
    { emoji: "🦊", who: ["u_1"] },
  ]);
  expect(byEmoji({})).toEqual([]);
});
