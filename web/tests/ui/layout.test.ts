import { describe, expect, test } from "vitest";
import {
  arrangeGrid,
  arrangePair,
  arrangeStage,
  type Box,
  bringIntoSight,
  columnsFor,
  nearestCorner,
  NARROWEST_ASPECT,
  type Rect,
  SMALLEST_TILE_PX,
  stableOrder,
  tilesFitting,
  WIDEST_ASPECT,
} from "../../src/ui/layout.ts";

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}`);
const boxes: [string, Box][] = [
  ["a desktop", { width: 1256, height: 672 }],
  ["a wide window", { width: 1880, height: 700 }],
  ["a phone", { width: 374, height: 716 }],
  ["a small phone", { width: 344, height: 512 }],
  ["a phone held sideways", { width: 820, height: 280 }],
];

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width - 0.01 &&
  b.x < a.x + a.width - 0.01 &&
  a.y < b.y + b.height - 0.01 &&
  b.y < a.y + a.height - 0.01;

describe.each(boxes)("on %s", (_name, box) => {
  test.each([1, 2, 3, 4, 5, 7, 8, 12, 25])(
    "a grid of %i has tiles that do not overlap",
    (count) => {
      const { placed, content } = arrangeGrid(ids(count), box);
      const rects = [...placed.values()];
      expect(rects).toHaveLength(count);
      for (const [index, rect] of rects.entries()) {
        expect(rect.width / rect.height).toBeGreaterThanOrEqual(NARROWEST_ASPECT - 0.01);
        expect(rect.width / rect.height).toBeLessThanOrEqual(WIDEST_ASPECT + 0.01);
        expect(rect.width).toBeGreaterThanOrEqual(SMALLEST_TILE_PX - 0.01);
        expect(rect.x).toBeGreaterThanOrEqual(-0.01);
        expect(rect.x + rect.width).toBeLessThanOrEqual(box.width + 0.01);
        expect(rect.y + rect.height).toBeLessThanOrEqual(content.height + 0.01);
        for (const other of rects.slice(index + 1)) expect(overlap(rect, other)).toBe(false);
      }
      expect(content.width).toBe(box.width);
    },
  );

  test.each([0, 1, 3, 8])("a share with a strip of %i keeps the larger part", (count) => {
    const { placed } = arrangeStage("share", ids(count), box);
    const stage = placed.get("share");
    if (!stage) throw new Error("no stage");
    expect(stage.width * stage.height).toBeGreaterThan(box.width * box.height * 0.5);
    for (const [id, rect] of placed) {
      if (id !== "share") expect(overlap(stage, rect)).toBe(false);
    }
  });
});

test("columns are near the square root of n times w over h over 4:3", () => {
  expect(columnsFor({ width: 1256, height: 672 }, 1)).toBe(1);
  expect(columnsFor({ width: 1256, height: 672 }, 2)).toBe(2);
  expect(columnsFor({ width: 1256, height: 672 }, 4)).toBe(2);
  expect(columnsFor({ width: 1256, height: 672 }, 9)).toBe(3);
  expect(columnsFor({ width: 374, height: 716 }, 3)).toBe(1);
});

test("a crowd scrolls rather than shrinks", () => {
  const box = { width: 374, height: 600 };
  const { placed, content } = arrangeGrid(ids(16), box);
  expect(content.height).toBeGreaterThan(box.height);
  for (const { width } of placed.values()) expect(width).toBeGreaterThanOrEqual(SMALLEST_TILE_PX);
});

test("the strip is at the side in landscape and at the bottom in portrait", () => {
  const landscape = arrangeStage("share", ["a"], { width: 1200, height: 600 }).placed;
  expect(landscape.get("a")?.x).toBeGreaterThan(landscape.get("share")?.width ?? Infinity);
  const portrait = arrangeStage("share", ["a"], { width: 400, height: 800 }).placed;
  expect(portrait.get("a")?.y).toBeGreaterThan(portrait.get("share")?.height ?? Infinity);
});

test("in a call of two the other fills the box and oneself sits inside it", () => {
  const box = { width: 1256, height: 672 };
  for (const corner of ["top-left", "top-right", "bottom-left", "bottom-right"] as const) {
    const { placed } = arrangePair("other", "self", box, corner);
    expect(placed.get("other")).toEqual({ x: 0, y: 0, ...box });
    const self = placed.get("self");
    if (!self) throw new Error("no self");
    expect(nearestCorner(box, { x: self.x + self.width / 2, y: self.y + self.height / 2 })).toBe(
      corner,
    );
  }
});

test("those who stay keep their order and newcomers go to the end", () => {
  expect(stableOrder(["a", "b", "c"], ["c", "d", "a"])).toEqual(["a", "c", "d"]);
});

test("a speaker moves only when out of sight, and then into the last visible place", () => {
  const order = ["a", "b", "c", "d"];
  expect(bringIntoSight(order, "b", 2)).toEqual(order);
  expect(bringIntoSight(order, "d", 2)).toEqual(["a", "d", "c", "b"]);
  expect(bringIntoSight(order, "nobody", 2)).toEqual(order);
});

describe("pages", () => {
  test.each([
    [{ width: 1280, height: 700 }, 36],
    [{ width: 390, height: 700 }, 12],
    [{ width: 820, height: 280 }, 8],
  ])("in a box of %o %i tiles fit", (box, fitting) => {
    expect(tilesFitting(box)).toBe(fitting);
    const ids = Array.from({ length: fitting }, (_, index) => String(index));
    const { placed, content } = arrangeGrid(ids, box);
    expect(content.height).toBeLessThanOrEqual(box.height + 1);
    for (const { width } of placed.values()) {
      expect(width).toBeGreaterThanOrEqual(Math.min(180, box.width) * 0.75);
    }
  });
});
