import { expect, test } from "vitest";
import { peopleOf } from "../../src/app/people.ts";
import type { Room } from "../../src/wire/types.gen.ts";

test.each([
  [["mesh", "sfu"], "mesh", true],
  [["mesh"], "sfu", false],
  [[], "mesh", false],
] as const)("to who knows %j of the planes, on the %s a way is sought: %s", (planes, plane, is) => {
  const seat = { identity: "jun", sid: "P", name: "Jun", role: "guest", tracks: {}, planes };
  const room = { participants: [seat], meeting: { plane }, slices: { hand: { queue: [] } } };
  const [jun] = peopleOf(room as unknown as Room, "mina");
  expect(jun?.expected).toBe(is);
});
