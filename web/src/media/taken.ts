/** What is taken from the plane that a call moves to: all that plays there as steadily already. */
import { keyOf, type MediaSession, type Source } from "./session";
import { isAlive, Pair } from "./steady";

/** A source that has not come by then is not waited for: it may have nothing to say. */
const QUIET_MS = 10_000;

export class Taken {
  private readonly taken = new Set<string>();
  /** What is not taken yet, beside what plays on the old plane. */
  private readonly pairs = new Map<string, Pair>();

  constructor(
    private readonly from: MediaSession,
    private readonly to: MediaSession,
    private readonly begun_ms: number,
  ) {}

  has(key: string): boolean {
    return this.taken.has(key);
  }

  /** To be asked again and again: whether `more` is taken than before, and whether that is `all`. */
  look(awaited: Iterable<readonly [string, Source]>): { more: boolean; all: boolean } {
    let all = this.to.isSending;
    let more = false;
    const now_ms = performance.now();
    const patience = now_ms - this.begun_ms < QUIET_MS;
    for (const [identity, source] of awaited) {
      const key = keyOf(identity, source);
      if (this.taken.has(key)) continue;
      const before_ms = this.from.played(identity, source);
      const there_ms = this.to.played(identity, source);
      if (this.pairOf(key).isSteady(now_ms, before_ms, there_ms)) {
        this.taken.add(key);
        more = true;
      } else if (patience || isAlive(before_ms, now_ms)) {
        all = false;
      }
    }
    return { more, all };
  }

  private pairOf(key: string): Pair {
    let pair = this.pairs.get(key);
    if (pair === undefined) this.pairs.set(key, (pair = new Pair()));
    return pair;
  }
}
