/**
 * When a picture or a sound plays on another plane as steadily as on the one that carries the call.
 *
 * The first frame that comes by a new connection is followed by a pause: its key frame is large,
 * and the sender does not know yet what the line bears. Who looked there at once would see it.
 */

/** So long after the last frame a source is not taken for a living one. */
const ALIVE_MS = 1_000;
/** So long both are looked at. */
const LOOK_BACK_MS = 500;
/** The new one's longest pause may be longer by this. */
const SLACK_MS = 50;
/** What has come for so long is taken as it is. */
const PATIENCE_MS = 4_000;

/**
 * When a receiver played something out last, on `performance.now`'s clock.
 *
 * Source: W3C WebRTC 1.0 section 5.3 (`RTCRtpSynchronizationSource`). Chromium counts from 1970, the
 * specification from the page's beginning.
 */
export function lastPlayed(receiver: RTCRtpReceiver | undefined): number | null {
  const at_ms = receiver?.getSynchronizationSources()[0]?.timestamp;
  if (at_ms === undefined) return null;
  return at_ms > 1e11 ? at_ms - performance.timeOrigin : at_ms;
}

export function isAlive(played_ms: number | null, now_ms: number): played_ms is number {
  return played_ms !== null && now_ms - played_ms < ALIVE_MS;
}

/** The moments at which one source played, as far as they were looked at. */
class Moments {
  private moments_ms: readonly number[] = [];
  private first_ms = Infinity;

  note(played_ms: number | null, now_ms: number): void {
    if (played_ms !== null && played_ms !== this.moments_ms.at(-1)) {
      this.moments_ms = [...this.moments_ms, played_ms];
      this.first_ms = Math.min(this.first_ms, played_ms);
    }
    // The last one before the time that is looked at begins its first pause.
    const from = this.moments_ms.findLastIndex((ms) => ms < now_ms - LOOK_BACK_MS);
    this.moments_ms = this.moments_ms.slice(Math.max(from, 0));
  }

  lasted(now_ms: number): number {
    return now_ms - this.first_ms;
  }

  longestPause(now_ms: number): number {
    const ends_ms = [...this.moments_ms.slice(1), now_ms];
    return Math.max(...this.moments_ms.map((ms, n) => (ends_ms[n] ?? now_ms) - ms));
  }
}

/** One source on both planes. */
export class Pair {
  private readonly old = new Moments();
  private readonly fresh = new Moments();

  /** To be asked again and again, with when it played last on the old plane and on the new one. */
  isSteady(now_ms: number, old_ms: number | null, fresh_ms: number | null): boolean {
    this.old.note(old_ms, now_ms);
    this.fresh.note(fresh_ms, now_ms);
    if (!isAlive(fresh_ms, now_ms)) return false;
    if (!isAlive(old_ms, now_ms)) return true;
    const lasted_ms = this.fresh.lasted(now_ms);
    if (lasted_ms >= PATIENCE_MS) return true;
    if (lasted_ms < LOOK_BACK_MS) return false;
    return this.fresh.longestPause(now_ms) <= this.old.longestPause(now_ms) + SLACK_MS;
  }
}
