/** The referee's table: where the ball truly is, and whose point it was. No clock of its own. */
import type { Phase } from "./packets.ts";
import {
  advance,
  type Ball,
  MIDDLE,
  missedBy,
  other,
  type Paddles,
  serve,
  type Side,
} from "./table.ts";

const SERVE_AFTER_MS = 1_200;
/** What a page that was held up makes up for at once; more than that did not happen. */
const MOST_AT_ONCE_MS = 100;

export class Referee {
  phase: Phase = "waiting";
  ball: Ball = MIDDLE;
  #toward: Side = "near";
  #serve_ms = 0;
  #before_ms: number | null = null;

  constructor(private readonly random: () => number = Math.random) {}

  /** The ball goes back to the middle, and in a moment to this side. */
  serveTo(side: Side, now_ms: number): void {
    this.phase = "serve";
    this.ball = MIDDLE;
    this.#toward = side;
    this.#serve_ms = now_ms + SERVE_AFTER_MS;
  }

  /** Time goes on. Gives the side that has just won a point; then `serveTo` is awaited. */
  step(now_ms: number, paddles: Paddles, bothHere: boolean): Side | null {
    const passed_ms = Math.min(MOST_AT_ONCE_MS, now_ms - (this.#before_ms ?? now_ms));
    this.#before_ms = now_ms;
    if (this.phase === "point") return null;
    if (!bothHere) {
      this.phase = "waiting";
      this.ball = MIDDLE;
      return null;
    }
    if (this.phase === "waiting") this.serveTo(this.#toward, now_ms);
    if (this.phase === "serve") {
      if (now_ms < this.#serve_ms) return null;
      this.ball = serve(this.#toward, this.random() * 2 - 1);
      this.phase = "rally";
    }
    this.ball = advance(this.ball, paddles, passed_ms / 1000);
    const missed = missedBy(this.ball);
    if (missed === null) return null;
    this.phase = "point";
    this.#toward = missed;
    return other(missed);
  }
}
