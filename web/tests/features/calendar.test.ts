import { describe, expect, test } from "vitest";
import {
  calendarEntry,
  type Invitation,
  letterAddress,
  localInput,
  nextHour,
} from "../../src/features/invite/calendar.ts";

const AT = Date.UTC(2026, 10, 27, 9, 0);
const tea: Invitation = {
  room: "금요일 차; tea, \\ and talk",
  link: "https://meet.example.org/r/abcd-efgh-ijk",
  start_ms: AT,
  minutes: 90,
  uid: "one",
  now_ms: AT - 60_000,
};

const unfolded = (entry: string): string[] => entry.replaceAll("\r\n ", "").split("\r\n");

describe("a calendar entry", () => {
  test("has its times in UTC and its length", () => {
    const lines = unfolded(calendarEntry(tea, "come"));
    expect(lines).toContain("DTSTART:20261127T090000Z");
    expect(lines).toContain("DTEND:20261127T103000Z");
    expect(lines).toContain("DTSTAMP:20261127T085900Z");
  });

  test("escapes what has a meaning in a content line", () => {
    const lines = unfolded(calendarEntry(tea, "one\ntwo, three"));
    expect(lines).toContain("SUMMARY:금요일 차\\; tea\\, \\\\ and talk");
    expect(lines).toContain("DESCRIPTION:one\\ntwo\\, three");
  });

  test("is not made to say something else by a name with line ends in it", () => {
    const lines = unfolded(calendarEntry({ ...tea, room: "a\r\nATTENDEE:b\u0085c" }, ""));
    expect(lines.filter((line) => line.startsWith("ATTENDEE"))).toEqual([]);
  });

  test("has no line above 75 bytes and breaks no letter", () => {
    const entry = calendarEntry({ ...tea, room: "금요일".repeat(60) }, "차 마셔요 ".repeat(40));
    const bytes = entry.split("\r\n").map((line) => new TextEncoder().encode(line).length);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(75);
    expect(unfolded(entry)).toContain(`SUMMARY:${"금요일".repeat(60)}`);
  });
});

test("a letter has its subject and its lines in the address", () => {
  const address = new URL(letterAddress("Tea & talk?", "one\ntwo & three"));
  const asked = new URLSearchParams(address.search);
  expect([asked.get("subject"), asked.get("body")]).toEqual(["Tea & talk?", "one\r\ntwo & three"]);
});

test("the time that is offered is the next full hour on one's own clock", () => {
  expect(nextHour(AT - 1)).toBe(AT);
  expect(nextHour(AT)).toBe(AT + 3_600_000);
  expect(new Date(localInput(AT)).getTime()).toBe(AT);
});
