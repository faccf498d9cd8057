/** A whole rally over a line that loses, delays and reorders packets, in virtual time. */
import { describe, expect, test } from "vitest";
import { read, type Scene, written } from "../../../src/features/game/packets.ts";
import { Replay, WATCHING_LAG_MS } from "../../../src/features/game/replay.ts";
import { advance, type Ball, serve } from "../../../src/features/game/table.ts";

/** mulberry32: the same losses each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Line {
  readonly loss: number;
  readonly delay_ms: number;
  readonly jitter_ms: number;
}

const FRAME_MS = 1000 / 60;
const PACKET_MS = 1000 / 30;
const RALLY_S = 60;
/** The clocks of two machines never agree. */
const CLOCKS_MS = 123_456;

interface Drawn {
  readonly at_ms: number;
  readonly ball: Ball;
}

/** Both players always meet the ball, off its middle: a rally with bends in it. */
function rally(seed: number): { at_ms: number; ball: Ball; near: number; far: number }[] {
  const random = seeded(seed);
  let ball = serve("near", 0.4);
  let bend = 0.05;
  const truth = [];
  for (let at_ms = 0; at_ms < RALLY_S * 1000; at_ms += FRAME_MS / 4) {
    const paddles = { near: ball.x - bend, far: ball.x + bend };
    const next = advance(ball, paddles, FRAME_MS / 4000);
    if (Math.sign(next.vy) !== Math.sign(ball.vy)) bend = (random() - 0.5) * 0.16;
    ball = next;
    truth.push({ at_ms, ball, ...paddles });
  }
  return truth;
}

/** What is drawn 60 times a second from 30 packets a second over a line. */
function drawn(line: Line, lag_ms: number, seed = 7): { drawn: Drawn[]; truth: Ball[] } {
  const random = seeded(seed);
  const truth = rally(seed);
  const at = (ms: number) => truth[Math.max(0, Math.floor(ms / (FRAME_MS / 4)))] ?? truth[0];
  const arrivals: { at_ms: number; scene: Scene }[] = [];
  for (let t_ms = 0; t_ms < RALLY_S * 1000; t_ms += PACKET_MS) {
    const now = at(t_ms);
    if (!now || random() < line.loss) continue;
    const { ball, near, far } = now;
    const scene: Scene = {
      kind: "scene",
      round: 1,
      t_ms: t_ms + CLOCKS_MS,
      phase: "rally",
      ball,
      paddles: { near, far },
    };
    const over: unknown = JSON.parse(JSON.stringify(written(scene)));
    const heard = read(over) as Scene;
    arrivals.push({ at_ms: t_ms + line.delay_ms + random() * line.jitter_ms, scene: heard });
  }
  arrivals.sort((one, two) => one.at_ms - two.at_ms);
  const replay = new Replay(lag_ms);
  const seen: Drawn[] = [];
  const meant: Ball[] = [];
  for (let at_ms = 0; at_ms < RALLY_S * 1000; at_ms += FRAME_MS) {
    while (arrivals[0] && arrivals[0].at_ms <= at_ms) {
      const { at_ms: came_ms, scene } = arrivals.shift() as (typeof arrivals)[number];
      replay.take(scene, came_ms);
    }
    const shown = replay.at(at_ms);
    const now = at(at_ms - line.delay_ms - lag_ms);
    if (!shown || !now || at_ms < 1_000) continue;
    seen.push({ at_ms, ball: shown.ball });
    meant.push(now.ball);
  }
  return { drawn: seen, truth: meant };
}

/** The longest way between two pictures, against what the ball itself can go. */
function longestStep(seen: readonly Drawn[]): number {
  return Math.max(
    ...seen.slice(1).map(({ ball }, index) => {
      const before = seen[index]?.ball ?? ball;
      return Math.hypot(ball.x - before.x, ball.y - before.y);
    }),
  );
}

const offBy = (one: Ball, two: Ball): number => Math.hypot(one.x - two.x, one.y - two.y);
const part = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? NaN;

const PERFECT: Line = { loss: 0, delay_ms: 20, jitter_ms: 0 };
const LOSING: Line = { loss: 0.1, delay_ms: 20, jitter_ms: 0 };
const BAD: Line = { loss: 0.1, delay_ms: 60, jitter_ms: 40 };
/** The ball's own way in one picture, at its fastest. */
const OWN_STEP = 1.5 / 60;

describe.each([
  ["who watches", WATCHING_LAG_MS],
  ["who plays", 0],
])("what is drawn for %s", (_, lag_ms) => {
  test.each([
    ["a perfect line", PERFECT],
    ["10 % of loss", LOSING],
    ["10 % of loss, and jitter that reorders", BAD],
  ])("does not jump over %s", (_name, line) => {
    const { drawn: seen, truth } = drawn(line, lag_ms);
    expect(seen.length).toBeGreaterThan(3_000);
    expect(longestStep(seen)).toBeLessThan(2.5 * OWN_STEP);
    const errors = seen.map(({ ball }, index) => offBy(ball, truth[index] ?? ball));
    // One hundredth of the table's width: less than half of the ball.
    expect(part(errors, 0.5)).toBeLessThan(0.01);
    // Only what a player does in the moment of a loss is not foreseen: the width of a paddle.
    expect(part(errors, 0.99)).toBeLessThan(0.12);
  });

  test("never stands still while the ball flies", () => {
    const { drawn: seen } = drawn(LOSING, lag_ms);
    const still = seen.slice(1).filter(({ ball }, index) => {
      const before = seen[index]?.ball ?? ball;
      return Math.hypot(ball.x - before.x, ball.y - before.y) < OWN_STEP / 20;
    });
    expect(still.length).toBeLessThan(seen.length / 500);
  });
});

test("10 % of loss is not told from none by who watches", () => {
  const perfect = drawn(PERFECT, WATCHING_LAG_MS).drawn;
  const losing = drawn(LOSING, WATCHING_LAG_MS).drawn;
  const apart = perfect.map(({ ball }, index) => offBy(ball, losing[index]?.ball ?? ball));
  expect(part(apart, 0.95)).toBeLessThan(0.01);
});

test("a referee who is silent is noticed, and one with another clock is followed", () => {
  const replay = new Replay(0);
  const scene: Scene = {
    kind: "scene",
    round: 1,
    t_ms: 5_000_000,
    phase: "serve",
    ball: serve("near", 0),
    paddles: { near: 0.5, far: 0.5 },
  };
  replay.take(scene, 1_000);
  expect(replay.silence(1_500)).toBe(500);
  replay.take({ ...scene, t_ms: 7_000 }, 2_000);
  expect(replay.silence(2_100)).toBe(100);
  expect(replay.at(2_100)?.phase).toBe("serve");
});
