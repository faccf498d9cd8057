/**
 * One call over two planes, as the room says: make before break.
 *
 *     moving   the other plane is opened beside the first; what we send goes over both; each
 *              picture and sound is taken from the new one as soon as it plays there as steadily
 *     ready    all that played on the old plane plays on the new one: the room is told
 *     moved    everybody is ready: the old plane is closed, a moment later for what is in flight
 *     stayed   somebody was not: everything is as before
 *
 * From one SFU to another it is the same: each is a session of its own.
 */
import { MovingData } from "./moving_data";
import { keyOf, type MediaSession, type RemoteTrack, type Source } from "./session";
import { Taken } from "./taken";

export type PlaneName = "mesh" | "sfu";

/** A session that has a way to the others, or none. */
export interface OpenedSession extends MediaSession {
  /** Resolves when there is a way. @throws when there is none. */
  open?(): Promise<void>;
  setEpoch?(epoch: number): void;
  /** Another session on the same plane opens, and takes over unless it is given up. */
  leave?(leaving: boolean): void;
}

/** What the room says of the meeting's planes. */
export interface PlaneState {
  readonly plane: PlaneName;
  readonly epoch: number;
  readonly move: { readonly to: PlaneName; readonly epoch: number } | null;
}

export interface HandoverOptions {
  readonly first: OpenedSession;
  readonly plane: PlaneName;
  readonly epoch: number;
  /** Makes a session on the other plane, which then has nothing yet. */
  readonly make: (plane: PlaneName, epoch: number) => Promise<OpenedSession>;
  readonly ready: (epoch: number) => void;
  readonly giveUp: (epoch: number, reason: "no_way" | "failed") => void;
}

/** What a handover asks of the call. */
export interface HandoverHost {
  /** Listens to a session from now on; gives what ends that. */
  follow(session: OpenedSession): readonly (() => void)[];
  /** Tells a session that is not open yet all that the one before it knows. */
  prepare(session: OpenedSession): void;
  /** What is to play on the new plane before the call may move. */
  awaited(): Iterable<readonly [string, Source]>;
  /** Something is taken from another plane than before. */
  changed(): void;
  /** Another plane carries the call. */
  moved(): void;
}

interface Leg {
  readonly plane: PlaneName;
  epoch: number;
  readonly session: OpenedSession;
  readonly off: readonly (() => void)[];
}

/** The leg that the call moves to. */
interface Next extends Leg {
  readonly taken: Taken;
}

/** So often it is looked whether a picture or a sound plays on the new plane. */
const LOOK_MS = 40;
/** What is on its way on the old plane still arrives. */
const LINGER_MS = 1_500;

export class Handover {
  readonly data: MovingData;
  private carrying: Leg;
  private coming: Next | null = null;
  /** The epoch that is being opened, before there is a session. */
  private opening: number | null = null;
  private readonly retiring = new Map<Leg, ReturnType<typeof setTimeout>>();
  private looking: ReturnType<typeof setInterval> | undefined;
  private told = false;
  private closed = false;

  constructor(
    private readonly options: HandoverOptions,
    private readonly host: HandoverHost,
  ) {
    const { first, plane, epoch } = options;
    this.data = new MovingData(first.data);
    this.carrying = { plane, epoch, session: first, off: host.follow(first) };
  }

  get plane(): PlaneName {
    return this.carrying.plane;
  }

  /** The session that carries the call. */
  get carrier(): OpenedSession {
    return this.carrying.session;
  }

  /** The one that the call moves to. */
  get next(): OpenedSession | null {
    return this.coming?.session ?? null;
  }

  both(): readonly OpenedSession[] {
    return this.coming ? [this.carrier, this.coming.session] : [this.carrier];
  }

  /** Those too that are left and still bring what was in flight. */
  all(): readonly OpenedSession[] {
    return [...this.both(), ...[...this.retiring.keys()].map(({ session }) => session)];
  }

  /** Where a source is taken from. */
  from(identity: string, source: Source): MediaSession {
    const { coming } = this;
    return coming?.taken.has(keyOf(identity, source)) === true ? coming.session : this.carrier;
  }

  /** What there is to be seen and heard, each from where it is taken. */
  remoteTracks(): ReadonlyMap<string, RemoteTrack> {
    const tracks = new Map<string, RemoteTrack>();
    for (const track of this.carrier.remoteTracks()) {
      tracks.set(keyOf(track.identity, track.source), track);
    }
    for (const track of this.coming?.session.remoteTracks() ?? []) {
      const key = keyOf(track.identity, track.source);
      if (this.coming?.taken.has(key) === true || !tracks.has(key)) tracks.set(key, track);
    }
    return tracks;
  }

  /** To be called with each change of the room. */
  setPlane({ plane, epoch, move }: PlaneState): void {
    if (this.closed) return;
    const wanted = move?.epoch ?? epoch;
    if (this.carrying.epoch !== epoch && this.coming?.epoch === epoch) this.promote();
    if (this.coming && this.coming.epoch !== wanted) this.drop();
    if (this.opening !== null && this.opening !== wanted) this.opening = null;
    if (this.carrying.epoch !== epoch && this.carrying.plane === plane) {
      this.carrying.epoch = epoch;
      this.carrier.setEpoch?.(epoch);
    }
    if (move !== null) this.begin(move.to, move.epoch);
    else if (this.carrying.epoch !== epoch) this.begin(plane, epoch);
    else if (this.coming === null) this.carrier.leave?.(false);
  }

  /** Ends all sessions; with `keepTracks` what we send lives on. */
  close(options: { readonly keepTracks?: boolean }): void {
    this.closed = true;
    this.opening = null;
    this.drop();
    for (const leg of [...this.retiring.keys()]) this.retire(leg);
    this.data.close();
    for (const off of this.carrying.off) off();
    this.carrier.close(options);
  }

  private begin(plane: PlaneName, epoch: number): void {
    if (this.coming?.epoch === epoch || this.opening === epoch) return;
    this.opening = epoch;
    this.told = false;
    if (plane === this.plane) this.carrier.leave?.(true);
    void this.open(plane, epoch, performance.now()).catch(() => {
      if (this.opening === epoch) this.options.giveUp(epoch, "failed");
    });
  }

  private async open(plane: PlaneName, epoch: number, begun_ms: number): Promise<void> {
    const session = await this.options.make(plane, epoch);
    if (this.opening !== epoch) {
      session.close({ keepTracks: true });
      return;
    }
    this.opening = null;
    const taken = new Taken(this.carrier, session, begun_ms);
    this.coming = { plane, epoch, session, off: this.host.follow(session), taken };
    this.data.add(session.data);
    this.host.prepare(session);
    clearInterval(this.looking);
    this.looking = setInterval(() => this.look(), LOOK_MS);
    try {
      await session.open?.();
    } catch {
      if (this.next === session) this.options.giveUp(epoch, "no_way");
    }
  }

  private look(): void {
    const { coming } = this;
    if (coming === null) return;
    const { more, all } = coming.taken.look(this.host.awaited());
    if (more) this.host.changed();
    if (!all || this.told) return;
    this.told = true;
    // Where the room has moved already, we were away meanwhile: nobody waits for a word.
    this.options.ready(coming.epoch);
  }

  private promote(): void {
    const { coming, carrying } = this;
    if (coming === null) return;
    clearInterval(this.looking);
    this.carrying = coming;
    this.coming = null;
    this.data.prefer(coming.session.data);
    this.host.changed();
    this.host.moved();
    this.retiring.set(
      carrying,
      setTimeout(() => this.retire(carrying), LINGER_MS),
    );
  }

  private drop(): void {
    const { coming } = this;
    if (coming === null) return;
    clearInterval(this.looking);
    this.coming = null;
    this.host.changed();
    this.retire(coming);
  }

  private retire(leg: Leg): void {
    clearTimeout(this.retiring.get(leg));
    this.retiring.delete(leg);
    for (const off of leg.off) off();
    this.data.remove(leg.session.data);
    leg.session.close({ keepTracks: true });
  }
}
