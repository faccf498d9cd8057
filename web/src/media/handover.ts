/**
 * One call over two planes. `MovingSession` is the session that the rest of the program holds; it
 * passes everything on to the plane that carries the meeting, and moves to the other one as the
 * room says: make before break.
 *
 *     moving   the other plane is opened beside the first; what we send goes over both; each
 *              picture and sound is taken from the new one as soon as it plays there as steadily
 *     ready    all that played on the old plane plays on the new one: the room is told
 *     moved    everybody is ready: the old plane is closed, a moment later for what is in flight
 *     stayed   somebody was not: everything is as before
 *
 * From one SFU to another it is the same: each is a session of its own.
 *
 * A track keeps its identity, its source and its mute through all of it.
 */
import { Emitter, type Handler } from "./events";
import { MovingData } from "./moving_data";
import {
  kindOf,
  SOURCES,
  type DataPort,
  type Listed,
  type LocalTrack,
  type MediaSession,
  type Peer,
  type PeerStats,
  type PublishOptions,
  type RemoteTrack,
  type SessionEvents,
  type ShareMode,
  type Source,
  type TileSize,
} from "./session";
import { isAlive, Pair } from "./steady";
import type { Ease } from "./strain";

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

interface Leg {
  readonly plane: PlaneName;
  epoch: number;
  readonly session: OpenedSession;
  readonly off: readonly (() => void)[];
}

/** So often it is looked whether a picture or a sound plays on the new plane. */
const LOOK_MS = 40;
/** What is on its way on the old plane still arrives. */
const LINGER_MS = 1_500;
/** A source that has not come by then is not waited for: it may have nothing to say. */
const QUIET_MS = 10_000;

const keyOf = (identity: string, source: Source): string => `${identity} ${source}`;

export class MovingSession implements MediaSession {
  private readonly emitter = new Emitter<SessionEvents>();
  private readonly options: HandoverOptions;
  private readonly moving: MovingData;
  private carrier: Leg;
  private next: Leg | null = null;
  /** The epoch that is being opened, before there is a session. */
  private opening: number | null = null;
  private retiring = new Map<Leg, ReturnType<typeof setTimeout>>();
  private looking: ReturnType<typeof setInterval> | undefined;
  private begun_ms = 0;
  private told = false;
  /** What is taken from the new plane already. */
  private readonly taken = new Set<string>();
  /** What is not taken yet, beside what plays on the old plane. */
  private readonly pairs = new Map<string, Pair>();
  private readonly streams = new Map<string, MediaStream>();
  private view: ReadonlyMap<string, RemoteTrack> = new Map();
  private participants: readonly Listed[] = [];
  private readonly sizes = new Map<string, readonly [string, Source, TileSize]>();
  private iceServers: readonly RTCIceServer[] | null = null;
  private eased: Ease = 0;
  private closed = false;

  constructor(options: HandoverOptions) {
    this.options = options;
    this.moving = new MovingData(options.first.data);
    this.carrier = this.follow(options.plane, options.epoch, options.first);
    this.refresh();
  }

  /** The plane that carries the call here, for who wants to know. */
  get plane(): PlaneName {
    return this.carrier.plane;
  }

  get data(): DataPort {
    return this.moving;
  }

  on<K extends keyof SessionEvents>(type: K, handler: Handler<SessionEvents[K]>): () => void {
    return this.emitter.on(type, handler);
  }

  // ------------------------------------------------------------------------------- moving

  /** To be called with each change of the room. */
  setPlane({ plane, epoch, move }: PlaneState): void {
    if (this.closed) return;
    const wanted = move?.epoch ?? epoch;
    if (this.carrier.epoch !== epoch && this.next?.epoch === epoch) this.promote();
    if (this.next && this.next.epoch !== wanted) this.drop();
    if (this.opening !== null && this.opening !== wanted) this.opening = null;
    if (this.carrier.epoch !== epoch && this.carrier.plane === plane) {
      this.carrier.epoch = epoch;
      this.carrier.session.setEpoch?.(epoch);
    }
    if (move !== null) this.begin(move.to, move.epoch);
    else if (this.carrier.epoch !== epoch) this.begin(plane, epoch);
    else if (this.next === null) this.carrier.session.leave?.(false);
  }

  private begin(plane: PlaneName, epoch: number): void {
    if (this.next?.epoch === epoch || this.opening === epoch) return;
    this.opening = epoch;
    this.begun_ms = performance.now();
    this.told = false;
    if (plane === this.carrier.plane) this.carrier.session.leave?.(true);
    void this.open(plane, epoch).catch(() => {
      if (this.opening === epoch) this.options.giveUp(epoch, "failed");
    });
  }

  private async open(plane: PlaneName, epoch: number): Promise<void> {
    const session = await this.options.make(plane, epoch);
    if (this.opening !== epoch) {
      session.close({ keepTracks: true });
      return;
    }
    this.opening = null;
    this.taken.clear();
    this.pairs.clear();
    this.next = this.follow(plane, epoch, session);
    this.moving.add(session.data);
    if (this.iceServers !== null) session.setIceServers(this.iceServers);
    session.setParticipants(this.participants);
    session.ease(this.eased);
    for (const [identity, source, size] of this.sizes.values()) {
      session.show(identity, source, size);
    }
    for (const source of SOURCES) void this.copy(source, session);
    clearInterval(this.looking);
    this.looking = setInterval(() => this.look(), LOOK_MS);
    try {
      await session.open?.();
    } catch {
      if (this.isNext(session)) this.options.giveUp(epoch, "no_way");
    }
  }

  private isNext(session: MediaSession): boolean {
    return this.next?.session === session;
  }

  /** What we send goes over both planes, as muted as it is. */
  private async copy(source: Source, session: MediaSession): Promise<void> {
    const local = this.carrier.session.local(source);
    if (!local?.track) return;
    const mode = local.mode === null ? {} : { mode: local.mode };
    await session.publish(source, local.track, { muted: local.muted, ...mode });
  }

  private look(): void {
    const { next } = this;
    if (next === null) {
      clearInterval(this.looking);
      return;
    }
    let all = next.session.isSending;
    let changed = false;
    const now_ms = performance.now();
    const patience = now_ms - this.begun_ms < QUIET_MS;
    for (const { identity, allowed } of this.participants) {
      for (const source of allowed ?? []) {
        const key = keyOf(identity, source);
        if (this.taken.has(key) || this.isHidden(key)) continue;
        const before_ms = this.carrier.session.played(identity, source);
        const there_ms = next.session.played(identity, source);
        if (this.pairOf(key).isSteady(now_ms, before_ms, there_ms)) {
          this.taken.add(key);
          changed = true;
        } else if (patience || isAlive(before_ms, now_ms)) {
          all = false;
        }
      }
    }
    if (changed) this.refresh();
    if (!all || this.told) return;
    this.told = true;
    // Where the room has moved already, we were away meanwhile: nobody waits for a word.
    this.options.ready(next.epoch);
  }

  private pairOf(key: string): Pair {
    let pair = this.pairs.get(key);
    if (pair === undefined) this.pairs.set(key, (pair = new Pair()));
    return pair;
  }

  /** What nobody looks at is not sent, and not waited for. */
  private isHidden(key: string): boolean {
    return this.sizes.get(key)?.[2] === "hidden";
  }

  private promote(): void {
    const { next, carrier } = this;
    if (next === null) return;
    clearInterval(this.looking);
    this.carrier = next;
    this.next = null;
    this.taken.clear();
    this.moving.prefer(next.session.data);
    this.refresh();
    for (const peer of next.session.peers()) this.emitter.emit("peer", peer);
    this.retiring.set(
      carrier,
      setTimeout(() => this.retire(carrier), LINGER_MS),
    );
  }

  private drop(): void {
    const { next } = this;
    if (next === null) return;
    clearInterval(this.looking);
    this.next = null;
    this.taken.clear();
    this.refresh();
    this.retire(next);
  }

  private retire(leg: Leg): void {
    clearTimeout(this.retiring.get(leg));
    this.retiring.delete(leg);
    for (const off of leg.off) off();
    this.moving.remove(leg.session.data);
    leg.session.close({ keepTracks: true });
  }

  private follow(plane: PlaneName, epoch: number, session: OpenedSession): Leg {
    const carries = (): boolean => this.carrier.session === session;
    const off = [
      session.on("track", () => this.refresh()),
      session.on("peer", (peer) => {
        if (carries()) this.emitter.emit("peer", peer);
      }),
      session.on("local", (local) => {
        if (carries()) this.emitter.emit("local", local);
      }),
      session.on("warning", (warning) => this.emitter.emit("warning", warning)),
    ];
    return { plane, epoch, session, off };
  }

  // ------------------------------------------------------------------------ what is seen

  /** Tells what has changed in what is to be shown and heard. */
  private refresh(): void {
    const now = new Map<string, RemoteTrack>();
    for (const track of this.carrier.session.remoteTracks()) {
      now.set(keyOf(track.identity, track.source), track);
    }
    for (const track of this.next?.session.remoteTracks() ?? []) {
      const key = keyOf(track.identity, track.source);
      if (this.taken.has(key) || !now.has(key)) now.set(key, track);
    }
    for (const [key, track] of now) now.set(key, this.shown(key, track));
    const before = this.view;
    this.view = now;
    for (const [key, track] of before) {
      if (now.has(key)) continue;
      this.streams.delete(key);
      this.emitter.emit("track", { change: "removed", track });
    }
    for (const [key, track] of now) {
      const old = before.get(key);
      if (old === undefined) this.emitter.emit("track", { change: "added", track });
      else if (old.track !== track.track || old.allowed !== track.allowed) {
        this.emitter.emit("track", { change: "changed", track });
      }
    }
  }

  /**
   * A source as it is shown, in a stream that lasts longer than a plane: an element that plays it
   * goes on with the other track, where one that is given another stream begins anew.
   */
  private shown(key: string, track: RemoteTrack): RemoteTrack {
    let stream = this.streams.get(key);
    if (stream === undefined) this.streams.set(key, (stream = new MediaStream([track.track])));
    const [playing] = stream.getTracks();
    if (playing !== track.track) {
      stream.addTrack(track.track);
      if (playing !== undefined) stream.removeTrack(playing);
    }
    return { ...track, stream };
  }

  remoteTracks(): readonly RemoteTrack[] {
    return [...this.view.values()];
  }

  /** Where a source is taken from. */
  private from(identity: string, source: Source): MediaSession {
    const { next, carrier } = this;
    return next !== null && this.taken.has(keyOf(identity, source))
      ? next.session
      : carrier.session;
  }

  audioLevel(identity: string, source: Source): number | null {
    return this.from(identity, source).audioLevel(identity, source);
  }

  played(identity: string, source: Source): number | null {
    return this.from(identity, source).played(identity, source);
  }

  show(identity: string, source: Source, size: TileSize): void {
    if (kindOf(source) !== "video") return;
    this.sizes.set(keyOf(identity, source), [identity, source, size]);
    for (const session of this.both()) session.show(identity, source, size);
  }

  // ------------------------------------------------------------------------ what we send

  private both(): readonly OpenedSession[] {
    return this.next ? [this.carrier.session, this.next.session] : [this.carrier.session];
  }

  async publish(
    source: Source,
    track: MediaStreamTrack,
    options: PublishOptions = {},
  ): Promise<void> {
    const { carrier, next } = this;
    const muted = options.muted ?? carrier.session.local(source)?.muted ?? false;
    await Promise.all([
      carrier.session.publish(source, track, { ...options, muted }),
      // A muted camera is not there at all, and comes with its next track.
      next && !(muted && source === "camera")
        ? next.session.publish(source, track, { ...options, muted })
        : null,
    ]);
  }

  async unpublish(source: Source): Promise<void> {
    await Promise.all(this.both().map((session) => session.unpublish(source)));
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    const { carrier, next } = this;
    await carrier.session.setMuted(source, muted);
    if (next?.session.local(source)) await next.session.setMuted(source, muted);
  }

  setShareMode(mode: ShareMode): void {
    for (const session of this.both()) session.setShareMode(mode);
  }

  ease(ease: Ease): void {
    this.eased = ease;
    for (const session of this.both()) session.ease(ease);
  }

  local(source: Source): LocalTrack | null {
    return this.carrier.session.local(source);
  }

  get isSending(): boolean {
    return this.carrier.session.isSending;
  }

  // ----------------------------------------------------------------------- who is present

  setParticipants(participants: readonly Listed[]): void {
    this.participants = participants;
    for (const session of this.both()) session.setParticipants(participants);
    for (const leg of this.retiring.keys()) leg.session.setParticipants(participants);
  }

  allow(identity: string, source: Source, on: boolean): void {
    for (const session of this.both()) session.allow(identity, source, on);
  }

  peers(): readonly Peer[] {
    return this.carrier.session.peers();
  }

  restartIce(identity?: string): void {
    for (const session of this.both()) session.restartIce(identity);
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.iceServers = servers;
    for (const session of this.both()) session.setIceServers(servers);
  }

  stats(): Promise<readonly PeerStats[]> {
    return this.carrier.session.stats();
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    if (this.closed) return;
    this.closed = true;
    this.opening = null;
    this.drop();
    for (const leg of [...this.retiring.keys()]) this.retire(leg);
    this.moving.close();
    for (const off of this.carrier.off) off();
    this.carrier.session.close(options);
    this.emitter.clear();
  }
}
