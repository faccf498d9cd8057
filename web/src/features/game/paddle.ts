/** One's own paddle: after a finger or the mouse, or along while a key is held. */
import { clampPaddle } from "./table.ts";

/** Units a second. Nobody's paddle jumps. */
const FOLLOWS = 3.2;
const STEPS = 1.5;

export class Paddle {
  x = 0.5;
  /** -1, 0 or 1: which way a key is held. */
  held = 0;
  #wanted = 0.5;

  /** Where a finger or the mouse is. */
  follow(x: number): void {
    this.#wanted = clampPaddle(x);
  }

  step(seconds: number): void {
    if (this.held !== 0) {
      this.x = clampPaddle(this.x + this.held * STEPS * seconds);
      this.#wanted = this.x;
      return;
    }
    const most = FOLLOWS * seconds;
    this.x += Math.min(most, Math.max(-most, this.#wanted - this.x));
  }
}
