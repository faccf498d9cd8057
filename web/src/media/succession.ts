/**
 * One connection takes the place of another: the last picture stays until the new one has its first.
 *
 * A track whose connection is closed turns black at once, and a new one has nothing to show until
 * its way is found. So the old connection, which sends no more, is kept for as long as its pictures
 * are.
 */
import type { Remotes } from "./remotes";
import { kindOf, type RemoteTrack, type Source } from "./session";

const LOOK_MS = 50;
/** A camera that is off never has a first picture. */
const PATIENCE_MS = 30_000;

/** A connection that was replaced. */
export interface Former {
  readonly identity: string;
  /** Its pictures are needed no more. */
  end(): void;
}

interface Replacement {
  readonly track: RemoteTrack;
  readonly until_ms: number;
}

export class Succession {
  private readonly formers = new Map<string, Set<Former>>();
  /** What comes by a new connection and has not played yet, by identity. */
  private readonly waiting = new Map<string, Map<Source, Replacement>>();
  private looking: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly remotes: Remotes,
    /** Whether a source of the connection of now has played, or is not looked at anyway. */
    private readonly isThere: (identity: string, source: Source) => boolean,
  ) {}

  /** This connection has been replaced. */
  keep(former: Former): void {
    this.waiting.delete(former.identity);
    const formers = this.formers.get(former.identity) ?? new Set();
    this.formers.set(former.identity, formers.add(former));
  }

  /** A source comes by the connection of now. */
  received(track: RemoteTrack): void {
    const { identity, source } = track;
    const before = this.formers.has(identity) && this.remotes.get(identity, source) !== undefined;
    if (!before || kindOf(source) === "audio") {
      this.remotes.add(track);
      return;
    }
    const waiting = this.waiting.get(identity) ?? new Map<Source, Replacement>();
    this.waiting.set(
      identity,
      waiting.set(source, { track, until_ms: performance.now() + PATIENCE_MS }),
    );
    this.looking ??= setInterval(() => this.look(performance.now()), LOOK_MS);
  }

  gone(identity: string, source: Source): void {
    this.waiting.get(identity)?.delete(source);
    this.remotes.remove(identity, source);
  }

  /** All that comes by the connection of now was told: what else there was is over. */
  settled(identity: string, sources: ReadonlySet<Source>): void {
    for (const { source } of this.remotes.of(identity)) {
      if (!sources.has(source)) this.gone(identity, source);
    }
    this.endWhereAllCame(identity);
  }

  forget(identity: string): void {
    this.waiting.delete(identity);
    this.endWhereAllCame(identity);
  }

  private look(now_ms: number): void {
    for (const [identity, waiting] of this.waiting) {
      for (const [source, { track, until_ms }] of waiting) {
        if (!this.isThere(identity, source) && now_ms < until_ms) continue;
        waiting.delete(source);
        this.remotes.add(track);
      }
      this.endWhereAllCame(identity);
    }
    this.restWhereNoneWaits();
  }

  private endWhereAllCame(identity: string): void {
    if ((this.waiting.get(identity)?.size ?? 0) > 0) return;
    this.waiting.delete(identity);
    for (const former of this.formers.get(identity) ?? []) former.end();
    this.formers.delete(identity);
    this.restWhereNoneWaits();
  }

  private restWhereNoneWaits(): void {
    if (this.waiting.size > 0) return;
    clearInterval(this.looking);
    this.looking = undefined;
  }
}
