/**
 * Whether anything still arrives from somebody: a path that died is silent at once, while ICE takes
 * its time to say so.
 *
 * Packets are looked at where they are played, which costs next to nothing. A silence counts once,
 * and only after there was something: a restart that brings nothing is not repeated by this.
 *
 * Source: W3C WebRTC 1.0, section 5.3 `getSynchronizationSources`.
 */

/** Opus says something every 400 ms, even of a silence that it does not transmit. */
const DOUBT_MS = 1_000;
const SILENT_MS = 2_000;

export interface Ear {
  /** When the newest packet was played, by any clock; null before the first. */
  heard(): number | null;
  /** Whether something should arrive: a microphone that is on, or a camera. */
  expects(): boolean;
}

export interface SilenceNews {
  /** A second of silence: is the server still there? */
  doubt(): void;
  /** Two seconds of it. */
  silent(): void;
  /** Something arrived since the last look; `again` when that ended a silence. */
  flow(again: boolean): void;
}

export class SilenceWatch {
  private last: number | null = null;
  private since_ms = 0;
  private flowing = false;
  private doubted = false;
  private missed = false;

  constructor(
    private readonly ear: Ear,
    private readonly news: SilenceNews,
  ) {}

  /** Whether it has been silent for a second: with a server that went as well, a network is gone. */
  get doubtful(): boolean {
    return this.doubted;
  }

  /** How long nothing has come though something should, in ms; 0 where nothing ever came. */
  lasted(now_ms: number): number {
    return this.flowing || this.missed ? now_ms - this.since_ms : 0;
  }

  look(now_ms: number): void {
    const heard = this.ear.heard();
    if (heard !== null && heard !== this.last) {
      this.last = heard;
      this.since_ms = now_ms;
      this.flowing = true;
      this.doubted = false;
      const again = this.missed;
      this.missed = false;
      this.news.flow(again);
      return;
    }
    if (!this.flowing) return;
    if (!this.ear.expects()) {
      this.since_ms = now_ms;
      return;
    }
    const silent_ms = now_ms - this.since_ms;
    if (silent_ms >= DOUBT_MS && !this.doubted) {
      this.doubted = true;
      this.news.doubt();
    }
    if (silent_ms >= SILENT_MS) {
      this.flowing = false;
      this.missed = true;
      this.news.silent();
    }
  }
}
