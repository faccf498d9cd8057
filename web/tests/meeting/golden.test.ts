import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { apply, type Durable } from "../../src/meeting/fold";
import type { Room } from "../../src/wire/types.gen";

const golden = fileURLToPath(new URL("../../../tests/golden/", import.meta.url));
type Trace = Record<string, { start: Room; frames: Durable[]; end: Room }>;

describe.each(readdirSync(golden))("the golden trace %s", (file) => {
  const trace = JSON.parse(readFileSync(golden + file, "utf8")) as Trace;
  test.each(Object.keys(trace))("is folded for %s as Python folds it", (viewer) => {
    const { start, frames, end } = trace[viewer] as Trace[string];
    expect(frames.length).toBeGreaterThan(3);
    expect(frames.reduce(apply, start)).toEqual(end);
  });
});
