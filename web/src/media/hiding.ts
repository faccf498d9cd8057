/** A tile that only changes its place is not worth a pause of its picture. */
const HIDE_MS = 1_000;

/** Which pictures are out of sight, and have been for a moment. */
export class Hiding {
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** Out of sight: `then` comes in a moment, unless it is seen again. */
  hide(key: string, then: () => void): void {
    this.seen(key);
    this.timers.set(key, setTimeout(then, HIDE_MS));
  }

  seen(key: string): void {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}
