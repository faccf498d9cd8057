import { expect, test } from "vitest";
import { Pair } from "../../src/media/steady";

const LOOK_MS = 40;

/** Frames of this many milliseconds, from then on. */
interface Plays {
  readonly every_ms: number;
  readonly from_ms?: number;
  readonly until_ms?: number;
}

function last({ every_ms, from_ms = 0, until_ms = Infinity }: Plays, now_ms: number) {
  const at_ms = Math.min(now_ms, until_ms);
  if (at_ms < from_ms) return null;
  return from_ms + Math.floor((at_ms - from_ms) / every_ms) * every_ms;
}

/** When the new one is steady, looked at for ten seconds; null when it never is. */
function steadyAt(old: readonly Plays[], fresh: readonly Plays[]): number | null {
  const pair = new Pair();
  const played = (all: readonly Plays[], now_ms: number): number | null =>
    all.reduce<number | null>((found, one) => last(one, now_ms) ?? found, null);
  for (let now_ms = 0; now_ms < 10_000; now_ms += LOOK_MS) {
    if (pair.isSteady(now_ms, played(old, now_ms), played(fresh, now_ms))) return now_ms;
  }
  return null;
}

test("a picture that comes as evenly as the old one is taken after half a second", () => {
  expect(steadyAt([{ every_ms: 50 }], [{ every_ms: 50, from_ms: 1_000 }])).toBe(1_520);
});

test("what follows its first frame by a long pause is taken when it has become even", () => {
  const fresh = [
    { every_ms: 400, from_ms: 1_000 },
    { every_ms: 50, from_ms: 1_400 },
  ];
  expect(steadyAt([{ every_ms: 50 }], fresh)).toBeGreaterThan(1_800);
  expect(steadyAt([{ every_ms: 50 }], fresh)).toBeLessThan(2_100);
});

test("where nothing plays any more the first frame is taken", () => {
  expect(steadyAt([], [{ every_ms: 50, from_ms: 1_000 }])).toBe(1_000);
  const old = { every_ms: 50, until_ms: 100 };
  expect(steadyAt([old], [{ every_ms: 50, from_ms: 2_000 }])).toBe(2_000);
});

test("a shared page of few frames is not waited for as if it were a film", () => {
  expect(steadyAt([{ every_ms: 700 }], [{ every_ms: 700, from_ms: 1_050 }])).toBeLessThan(2_300);
});

test("what never becomes even is taken in the end", () => {
  expect(steadyAt([{ every_ms: 50 }], [{ every_ms: 300, from_ms: 1_000 }])).toBe(5_000);
});

test("what does not come is never taken", () => {
  expect(steadyAt([{ every_ms: 50 }], [])).toBeNull();
  expect(steadyAt([], [])).toBeNull();
});
