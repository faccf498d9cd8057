/**
 * What players say to each other thirty times a second, each packet whole in itself: one that is
 * lost is missed by nobody. Times are the sender's milliseconds.
 */
import { type Ball, clampPaddle, LENGTH, type Paddles } from "./table.ts";

export type Phase = "waiting" | "serve" | "rally" | "point";
const PHASES: readonly unknown[] = ["waiting", "serve", "rally", "point"] satisfies Phase[];

/** The referee's word: the whole table at one moment. */
export interface Scene {
  readonly kind: "scene";
  readonly round: number;
  readonly t_ms: number;
  readonly phase: Phase;
  readonly ball: Ball;
  readonly paddles: Paddles;
}

/** A player's own paddle; from who watches, only that they do. */
export interface Presence {
  readonly kind: "presence";
  readonly t_ms: number;
  readonly x: number | null;
}

export type Packet = Scene | Presence;

const ROUNDED = 10_000;
const short = (value: number): number => Math.round(value * ROUNDED) / ROUNDED;

/** As it goes over the wire, well below what fits into one packet. */
export function written(packet: Packet): object {
  if (packet.kind === "presence") {
    return { k: "p", t: packet.t_ms, x: packet.x === null ? null : short(packet.x) };
  }
  const { x, y, vx, vy } = packet.ball;
  const { near, far } = packet.paddles;
  return {
    k: "s",
    r: packet.round,
    t: packet.t_ms,
    f: packet.phase,
    b: [x, y, vx, vy].map(short),
    p: [near, far].map(short),
  };
}

/** Null for anything else than a packet: whoever sends it, no number leaves the table. */
export function read(payload: unknown): Packet | null {
  if (typeof payload !== "object" || payload === null) return null;
  const said = payload as Readonly<Record<string, unknown>>;
  const t_ms = said["t"];
  if (!isNumber(t_ms)) return null;
  if (said["k"] === "p") {
    const x = said["x"];
    if (x === null) return { kind: "presence", t_ms, x };
    return isNumber(x) ? { kind: "presence", t_ms, x: clampPaddle(x) } : null;
  }
  const round = said["r"];
  const phase = said["f"];
  const ball = numbers(said["b"], 4);
  const paddles = numbers(said["p"], 2);
  if (said["k"] !== "s" || !isNumber(round) || !PHASES.includes(phase) || !ball || !paddles) {
    return null;
  }
  const [x = 0, y = 0, vx = 0, vy = 0] = ball;
  const [near = 0, far = 0] = paddles;
  return {
    kind: "scene",
    round,
    t_ms,
    phase: phase as Phase,
    ball: {
      x: within(x, 0, 1),
      y: within(y, -1, LENGTH + 1),
      vx: within(vx, -2, 2),
      vy: within(vy, -2, 2),
    },
    paddles: { near: clampPaddle(near), far: clampPaddle(far) },
  };
}

const within = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function numbers(value: unknown, length: number): readonly number[] | null {
  return Array.isArray(value) && value.length === length && value.every(isNumber) ? value : null;
}
