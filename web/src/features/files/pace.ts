/** How fast something goes, over the last seconds, and how long the rest will take at that speed. */
const LOOK_BACK_MS = 5_000;
const SETTLED_MS = 800;
/** So often a page tells how far something is: each time, it is drawn anew. */
export const TELL_EVERY_MS = 250;

export class Pace {
  private samples: { readonly at_ms: number; readonly bytes: number }[] = [];

  /** `bytes` are all so far. */
  note(bytes: number, at_ms: number): void {
    this.samples.push({ at_ms, bytes });
    while (this.samples.length > 2 && (this.samples[1]?.at_ms ?? 0) < at_ms - LOOK_BACK_MS) {
      this.samples.shift();
    }
  }

  /** Nothing goes for now: what comes after starts anew. */
  rest(): void {
    this.samples = [];
  }

  /** null until it can be told. */
  bytesPerSecond(at_ms: number): number | null {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || !last) return null;
    // What stands still slows down as one looks at it.
    const took_ms = Math.max(last.at_ms, at_ms) - first.at_ms;
    return took_ms < SETTLED_MS ? null : ((last.bytes - first.bytes) * 1000) / took_ms;
  }

  secondsLeft(rest_bytes: number, at_ms: number): number | null {
    const speed = this.bytesPerSecond(at_ms);
    return speed === null || speed < 1 ? null : rest_bytes / speed;
  }
}
