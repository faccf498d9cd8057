import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readWish, Wishes } from "../../src/media/wishes";

const SIZE = { width: 320, height: 180 };

let said: [string, readonly string[]][];
let wishes: Wishes;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  wishes = new Wishes((to, { spare }) => said.push([to, spare]));
});
afterEach(() => vi.useRealTimers());

test("a picture that is hidden for a second is not wanted, and wanted again at once", () => {
  wishes.show("jun", "camera", SIZE);
  wishes.show("jun", "camera", "hidden");
  vi.advanceTimersByTime(999);
  expect(said).toEqual([]);
  expect(wishes.wants("jun", "camera")).toBe(true);
  vi.advanceTimersByTime(1);
  expect(said).toEqual([["jun", ["camera"]]]);
  expect(wishes.wants("jun", "camera")).toBe(false);
  wishes.show("jun", "camera", SIZE);
  expect(said.at(-1)).toEqual(["jun", []]);
  expect(wishes.wants("jun", "camera")).toBe(true);
});

test("a tile that only changes its place says nothing", () => {
  wishes.show("jun", "camera", "hidden");
  vi.advanceTimersByTime(500);
  wishes.show("jun", "camera", SIZE);
  vi.advanceTimersByTime(5_000);
  expect(said).toEqual([]);
});

test("over a new connection it is said again, and only where there is something to say", () => {
  wishes.opened("jun");
  expect(said).toEqual([]);
  wishes.show("jun", "camera", "hidden");
  wishes.show("jun", "screen_share", "hidden");
  vi.advanceTimersByTime(1_000);
  said.length = 0;
  wishes.opened("jun");
  expect(said).toEqual([["jun", ["camera", "screen_share"]]]);
  wishes.forget("jun");
  wishes.opened("jun");
  expect(said).toHaveLength(1);
});

test("sound is never spared", () => {
  wishes.show("jun", "microphone", "hidden");
  vi.advanceTimersByTime(5_000);
  expect(said).toEqual([]);
});

describe("what somebody says that they need not get", () => {
  test("is read as it was meant, and sound goes on", () => {
    expect(readWish({ spare: ["camera", "screen_share"] })).toEqual(
      new Set(["camera", "screen_share"]),
    );
    expect(readWish({ spare: ["microphone", "nothing", 7] })).toEqual(new Set());
  });

  test.each([null, "camera", {}, { spare: "camera" }, { spare: Array(9).fill("camera") }])(
    "is nothing when it is %j",
    (payload) => expect(readWish(payload)).toBeNull(),
  );
});
