import { describe, expect, test } from "vitest";
import { read, type Scene, written } from "../../../src/features/game/packets.ts";
import { Paddle } from "../../../src/features/game/paddle.ts";
import { Referee } from "../../../src/features/game/referee.ts";
import {
  advance,
  LENGTH,
  missedBy,
  PADDLE_HALF,
  refereeOf,
  serve,
  winnerOf,
} from "../../../src/features/game/table.ts";

const AT_HOME = { near: 0.5, far: 0.5 };

function place(identity: string, points = 0) {
  return { identity, points };
}

describe("the ball", () => {
  test("comes back from walls and paddles, and is never beyond a wall", () => {
    let ball = serve("near", 1);
    for (let step = 0; step < 1_000; step += 1) {
      ball = advance(ball, { near: ball.x, far: ball.x }, 0.033);
      expect(ball.x).toBeGreaterThanOrEqual(0);
      expect(ball.x).toBeLessThanOrEqual(1);
      expect(missedBy(ball)).toBeNull();
    }
    expect(Math.hypot(ball.vx, ball.vy)).toBeCloseTo(1.5);
  });

  test("that no paddle meets leaves the table over that end", () => {
    expect(missedBy(advance(serve("near", 0), { near: 0.9, far: 0.5 }, 2))).toBe("near");
    expect(missedBy(advance(serve("far", 0), { near: 0.5, far: 0.1 }, 2))).toBe("far");
  });

  test("is saved by a paddle that comes a moment late", () => {
    let ball = serve("near", 0);
    while (ball.y > 0.06) ball = advance(ball, { near: 0.9, far: 0.5 }, 0.01);
    expect(missedBy(advance(ball, AT_HOME, 0.5))).toBeNull();
  });
});

describe("the referee", () => {
  test("is the player with the lower identity, and nobody while one is alone", () => {
    const state = { round: 1, near: place("u_b"), far: place("u_a") };
    expect(refereeOf(state)).toBe("u_a");
    expect(refereeOf({ ...state, far: null })).toBeNull();
    expect(winnerOf({ ...state, far: place("u_a", 7) })).toBe("far");
  });

  test("serves, gives a point once, and waits until it is counted", () => {
    const referee = new Referee(() => 0.5);
    referee.serveTo("near", 0);
    const points: unknown[] = [];
    for (let now_ms = 0; now_ms < 6_000; now_ms += 16) {
      const point = referee.step(now_ms, { near: 0.9, far: 0.5 }, true);
      if (point !== null) points.push(point);
    }
    expect(points).toEqual(["far"]);
    expect(referee.phase).toBe("point");
  });

  test("waits for a player who is away, and serves anew when they are back", () => {
    const referee = new Referee(() => 0.5);
    referee.serveTo("near", 0);
    for (let now_ms = 0; now_ms < 2_000; now_ms += 16) referee.step(now_ms, AT_HOME, true);
    expect(referee.phase).toBe("rally");
    referee.step(2_016, AT_HOME, false);
    expect(referee.phase).toBe("waiting");
    referee.step(60_000, AT_HOME, true);
    expect(referee.phase).toBe("serve");
  });

  test("a page that was held up loses no point by it", () => {
    const referee = new Referee(() => 0.5);
    referee.serveTo("near", 0);
    for (let now_ms = 0; now_ms < 1_300; now_ms += 16) referee.step(now_ms, AT_HOME, true);
    expect(referee.step(30_000, { near: 0.9, far: 0.9 }, true)).toBeNull();
  });
});

describe("a paddle", () => {
  test("does not jump and does not leave the table", () => {
    const paddle = new Paddle();
    paddle.follow(5);
    paddle.step(0.01);
    expect(paddle.x).toBeLessThan(0.54);
    paddle.step(1);
    expect(paddle.x).toBeCloseTo(1 - PADDLE_HALF);
    paddle.held = -1;
    paddle.step(10);
    expect(paddle.x).toBeCloseTo(PADDLE_HALF);
  });
});

describe("a packet", () => {
  const scene: Scene = {
    kind: "scene",
    round: 3,
    t_ms: 1_700_000_000_000,
    phase: "rally",
    ball: { x: 0.123_456, y: 1.234_567, vx: -0.765_432, vy: 1.111_111 },
    paddles: { near: 0.456_789, far: 0.654_321 },
  };

  test("is read as it was written and is small", () => {
    const said: unknown = JSON.parse(JSON.stringify(written(scene)));
    const heard = read(said) as Scene;
    expect(heard.ball.x).toBeCloseTo(scene.ball.x, 3);
    expect({ ...heard, ball: null, paddles: null }).toEqual({
      ...scene,
      ball: null,
      paddles: null,
    });
    expect(JSON.stringify(said).length).toBeLessThan(120);
  });

  test.each([
    null,
    7,
    "s",
    {},
    { k: "p" },
    { k: "p", t: "now", x: 0.5 },
    { k: "p", t: 1, x: "0.5" },
    { k: "s", t: 1, r: 1, f: "rally", b: [0, 0, 0], p: [0, 0] },
    { k: "s", t: 1, r: 1, f: "party", b: [0, 0, 0, 0], p: [0, 0] },
    { k: "s", t: 1, r: 1, f: "rally", b: [0, 0, 0, null], p: [0, 0] },
    { k: "s", t: 1, r: 1, f: "rally", b: [0, 0, 0, Infinity], p: [0, 0] },
  ])("%j is none", (payload) => {
    expect(read(payload)).toBeNull();
  });

  test("takes no number off the table", () => {
    const wild = { k: "s", t: 1, r: 1, f: "rally", b: [9e9, -9e9, 9e9, 9e9], p: [-5, 5] };
    const heard = read(wild) as Scene;
    expect(heard.ball).toEqual({ x: 1, y: -1, vx: 2, vy: 2 });
    expect(heard.paddles).toEqual({ near: PADDLE_HALF, far: 1 - PADDLE_HALF });
    expect(heard.ball.y).toBeLessThan(LENGTH);
  });
});
