/**
 * Whether this machine and its line bear the picture that we send, and how much less of it to send
 * where they do not. Sound, and a screen that is shared, are what people came for: they stay.
 *
 * - The encoder itself says what holds it back. A busy processor counts as it is. That it adapted to
 *   a slow line it goes on saying for long after a bad beginning, and also of a bound that we set
 *   ourselves: so a slow line counts only where it gives the encoder less than a picture needs and
 *   less than we ask of it, and the encoder takes all of that; or where packets are lost. A small or
 *   still picture takes little of a line, and of how much more it would carry nobody knows then.
 * - After five such seconds one step down, and after five more the next.
 * - After fifteen good seconds one step up. Where that does not hold for half a minute, the next one
 *   waits twice as long, four minutes at most: a picture does not pump.
 *
 * Source: W3C webrtc-stats (`qualityLimitationReason`, `targetBitrate`).
 */
import type { CallPicture, PersonPicture } from "./quality";

export type Strained = "cpu" | "link";
/** How many steps less than one would like to send. */
export type Ease = 0 | 1 | 2;

const DOWN_AFTER_MS = 5_000;
const UP_AFTER_MS = 15_000;
const LATEST_UP_MS = 240_000;
const HELD_MS = 30_000;
/** A picture that is given less than this is bad to look at. */
const THIN_BPS = 200_000;
/** An encoder that is given so much of what it was told to take at most is not short of line. */
const MOST = 0.8;
/** One that takes less than this of what it is given needs no more. */
const ALL = 0.6;
const LOSSY = 0.03;

export class Strain {
  ease: Ease = 0;
  /** Why; null while everything is sent that one would like to. */
  reason: Strained | null = null;
  private since_ms: number | null = null;
  private good_since_ms: number | null = null;
  private rose_ms = -Infinity;
  private wait_ms = UP_AFTER_MS;

  /** To be called with each look at the call; whether there is something else to do now. */
  look({ at_ms, people }: CallPicture): boolean {
    const cameras = people.map(({ flows, camera_most_bps: most_bps }) => ({
      flows: flows.filter(({ direction, source }) => direction === "out" && source === "camera"),
      most_bps,
    }));
    if (cameras.every(({ flows }) => flows.length === 0)) return this.begin();
    const now = cameras.map(strained).reduce((a, b) => a ?? b, null);
    if (now === null) {
      this.since_ms = null;
      this.good_since_ms ??= at_ms;
      return this.ease > 0 && at_ms - this.good_since_ms >= this.wait_ms && this.rise(at_ms);
    }
    this.good_since_ms = null;
    this.since_ms ??= at_ms;
    return this.ease < 2 && at_ms - this.since_ms >= DOWN_AFTER_MS && this.fall(now, at_ms);
  }

  /** Nothing is sent that could be too much. */
  private begin(): boolean {
    const changed = this.ease > 0;
    this.ease = 0;
    this.reason = this.since_ms = this.good_since_ms = null;
    return changed;
  }

  private fall(reason: Strained, at_ms: number): true {
    const held = at_ms - this.rose_ms >= HELD_MS;
    this.wait_ms = held ? UP_AFTER_MS : Math.min(LATEST_UP_MS, this.wait_ms * 2);
    this.ease = this.ease === 0 ? 1 : 2;
    this.reason = reason;
    this.since_ms = at_ms;
    return true;
  }

  private rise(at_ms: number): true {
    this.ease = this.ease === 2 ? 1 : 0;
    if (this.ease === 0) this.reason = null;
    this.rose_ms = this.good_since_ms = at_ms;
    return true;
  }
}

interface Camera {
  readonly flows: PersonPicture["flows"];
  /** What it may take at most, as we told its encoder. */
  readonly most_bps: number | null;
}

/** What holds back the camera on one connection, which may send it in several layers. */
function strained({ flows, most_bps }: Camera): Strained | null {
  if (flows.some(({ limited_by }) => limited_by === "cpu")) return "cpu";
  if (!flows.some(({ limited_by }) => limited_by === "bandwidth")) return null;
  if (flows.some(({ loss }) => loss > LOSSY)) return "link";
  const given_bps = flows.reduce((sum, flow) => sum + (flow.target_bps ?? flow.bitrate_bps), 0);
  const taken_bps = flows.reduce((sum, { bitrate_bps }) => sum + bitrate_bps, 0);
  const short = given_bps < Math.min(THIN_BPS, MOST * (most_bps ?? Infinity));
  // What nobody looks at is not sent at all, and strains nothing.
  return short && taken_bps > 0 && taken_bps >= ALL * given_bps ? "link" : null;
}
