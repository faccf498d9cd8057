import { expect, test } from "vitest";
import { initialsOf } from "../../src/ui/tint.ts";

test.each([
  ["Mina Park", "MP"],
  ["jonas", "J"],
  ["Ana Maria da Silva", "AS"],
  ["김민아", "민아"],
  ["하늘", "하늘"],
  ["남궁민수", "민수"],
  ["  ", ""],
  ["👩‍💻 Ada", "👩‍💻A"],
])("the initials of %j are %j", (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});

test("a decomposed name has the initials of its composed form", () => {
  expect(initialsOf("김민아".normalize("NFD"))).toBe("민아");
});
