/**
 * The table as it is drawn from the referee's packets. What lies between two of them is
 * interpolated, what comes after the last one is foreseen, and where a packet says otherwise than
 * foreseen, the picture glides there. So a packet that is lost, late or out of order is not seen.
 *
 * Who watches is shown what was `lag_ms` ago, mostly between two packets. Who plays is shown the
 * present: they must meet the ball where it is.
 */
import type { Phase, Scene } from "./packets.ts";
import { advance, type Ball, type Paddles, type Side } from "./table.ts";

export interface Shown {
  readonly phase: Phase;
  readonly ball: Ball;
  readonly paddles: Paddles;
}

/** Three packets: with one in ten lost, hardly ever all of them. */
export const WATCHING_LAG_MS = 100;
const KEPT_MS = 1_000;
/** After so long without a word nothing more is foreseen. */
const FORESEEN_MS = 300;
const GLIDE_MS = 70;
/** The fastest packets say how the clocks differ; clocks drift apart, so their word fades. */
const FADE_MS = 0.2;
/** A step that no ball makes: a new rally. */
const NEW_BALL = 0.4;

export class Replay {
  #scenes: Scene[] = [];
  #difference_ms = Infinity;
  #off = { x: 0, y: 0, since_ms: 0 };

  constructor(private readonly lag_ms: number) {}

  /** The time since the last word of the referee, in ms. */
  silence(now_ms: number): number {
    const last = this.#scenes.at(-1);
    return last ? now_ms - this.#difference_ms - last.t_ms : Infinity;
  }

  take(scene: Scene, now_ms: number, own?: Own): void {
    const last = this.#scenes.at(-1);
    if (last && Math.abs(scene.t_ms - last.t_ms) > 2 * KEPT_MS) this.forget();
    const before = this.#at(now_ms, own);
    this.#difference_ms = Math.min(this.#difference_ms + FADE_MS, now_ms - scene.t_ms);
    this.#insert(scene);
    const after = this.#at(now_ms, own);
    if (before?.phase !== "rally" || after?.phase !== "rally") return;
    const x = before.ball.x - after.ball.x;
    const y = before.ball.y - after.ball.y;
    if (Math.hypot(x, y) > NEW_BALL) return;
    const left = this.#left(now_ms);
    this.#off = { x: this.#off.x * left + x, y: this.#off.y * left + y, since_ms: now_ms };
  }

  /** What to draw now; one's own paddle is where one has put it. */
  at(now_ms: number, own?: Own): Shown | null {
    const shown = this.#at(now_ms, own);
    if (!shown || shown.phase !== "rally") return shown;
    const left = this.#left(now_ms);
    const ball = {
      ...shown.ball,
      x: shown.ball.x + this.#off.x * left,
      y: shown.ball.y + this.#off.y * left,
    };
    return { ...shown, ball };
  }

  forget(): void {
    this.#scenes = [];
    this.#difference_ms = Infinity;
    this.#off = { x: 0, y: 0, since_ms: 0 };
  }

  #left(now_ms: number): number {
    return Math.exp(-(now_ms - this.#off.since_ms) / GLIDE_MS);
  }

  #insert(scene: Scene): void {
    const at = this.#scenes.findLastIndex(({ t_ms }) => t_ms <= scene.t_ms);
    if (this.#scenes[at]?.t_ms === scene.t_ms) return;
    this.#scenes.splice(at + 1, 0, scene);
    const newest = this.#scenes.at(-1)?.t_ms ?? 0;
    while ((this.#scenes[0]?.t_ms ?? newest) < newest - KEPT_MS) this.#scenes.shift();
  }

  #at(now_ms: number, own: Own | undefined): Shown | null {
    const t_ms = now_ms - this.#difference_ms - this.lag_ms;
    const index = this.#scenes.findLastIndex((scene) => scene.t_ms <= t_ms);
    const from = this.#scenes[index] ?? this.#scenes[0];
    if (!from) return null;
    const to = this.#scenes[index + 1];
    const part = to && to !== from ? (t_ms - from.t_ms) / (to.t_ms - from.t_ms) : 0;
    const paddles = {
      near: between(from.paddles.near, to?.paddles.near, part),
      far: between(from.paddles.far, to?.paddles.far, part),
      ...(own ? { [own.side]: own.x } : {}),
    };
    return { phase: from.phase, paddles, ball: this.#ball(from, to, part, paddles, t_ms) };
  }

  #ball(from: Scene, to: Scene | undefined, part: number, paddles: Paddles, t_ms: number): Ball {
    if (from.phase !== "rally") return from.ball;
    const passed_ms = Math.min(FORESEEN_MS, Math.max(0, t_ms - from.t_ms));
    const ball = advance(from.ball, paddles, passed_ms / 1000);
    if (to?.phase !== "rally" || to === from) return ball;
    // Off walls and paddles as a ball goes, and at the next packet where that one has it.
    const end = advance(from.ball, paddles, (to.t_ms - from.t_ms) / 1000);
    return {
      ...ball,
      x: ball.x + (to.ball.x - end.x) * part,
      y: ball.y + (to.ball.y - end.y) * part,
    };
  }
}

/** One's own end of the table. */
export interface Own {
  readonly side: Side;
  readonly x: number;
}

const between = (from: number, to: number | undefined, part: number): number =>
  to === undefined ? from : from + (to - from) * part;
