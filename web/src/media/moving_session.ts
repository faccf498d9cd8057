/**
 * The session that the rest of the program holds: it passes everything on to the plane that carries
 * the meeting, and to the other one as well while the call moves there.
 *
 * A track keeps its identity, its source and its mute through all of it.
 */
import { Emitter, type Handler } from "./events";
import {
  Handover,
  type HandoverOptions,
  type OpenedSession,
  type PlaneName,
  type PlaneState,
} from "./handover";
import {
  keyOf,
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
import { Shown } from "./shown";
import type { Ease } from "./strain";

export class MovingSession implements MediaSession {
  private readonly emitter = new Emitter<SessionEvents>();
  private readonly handover: Handover;
  private readonly shown = new Shown(this.emitter);
  private participants: readonly Listed[] = [];
  private readonly sizes = new Map<string, readonly [string, Source, TileSize]>();
  private iceServers: readonly RTCIceServer[] | null = null;
  private eased: Ease = 0;
  private closed = false;

  constructor(options: HandoverOptions) {
    this.handover = new Handover(options, {
      follow: (session) => this.follow(session),
      prepare: (session) => this.prepare(session),
      awaited: () => this.awaited(),
      changed: () => this.refresh(),
      moved: () => {
        for (const peer of this.peers()) this.emitter.emit("peer", peer);
      },
    });
    this.refresh();
  }

  /** The plane that carries the call here, for who wants to know. */
  get plane(): PlaneName {
    return this.handover.plane;
  }

  /** To be called with each change of the room. */
  setPlane(state: PlaneState): void {
    this.handover.setPlane(state);
  }

  get data(): DataPort {
    return this.handover.data;
  }

  on<K extends keyof SessionEvents>(type: K, handler: Handler<SessionEvents[K]>): () => void {
    return this.emitter.on(type, handler);
  }

  private follow(session: OpenedSession): readonly (() => void)[] {
    const carries = (): boolean => this.handover.carrier === session;
    return [
      session.on("track", () => this.refresh()),
      session.on("peer", (peer) => {
        if (carries()) this.emitter.emit("peer", peer);
      }),
      session.on("local", (local) => {
        if (carries()) this.emitter.emit("local", local);
      }),
      session.on("warning", (warning) => this.emitter.emit("warning", warning)),
    ];
  }

  private prepare(session: OpenedSession): void {
    if (this.iceServers !== null) session.setIceServers(this.iceServers);
    session.setParticipants(this.participants);
    session.ease(this.eased);
    for (const [identity, source, size] of this.sizes.values()) {
      session.show(identity, source, size);
    }
    for (const source of SOURCES) void this.copy(source, session);
  }

  /** What we send goes over both planes, as muted as it is. */
  private async copy(source: Source, session: MediaSession): Promise<void> {
    const local = this.local(source);
    if (!local?.track) return;
    const mode = local.mode === null ? {} : { mode: local.mode };
    await session.publish(source, local.track, { muted: local.muted, ...mode });
  }

  // ------------------------------------------------------------------------ what is seen

  private refresh(): void {
    this.shown.become(this.handover.remoteTracks());
  }

  /** What nobody looks at is not sent, and not waited for. */
  private *awaited(): Iterable<readonly [string, Source]> {
    for (const { identity, allowed } of this.participants) {
      for (const source of allowed ?? []) {
        if (this.sizes.get(keyOf(identity, source))?.[2] !== "hidden") yield [identity, source];
      }
    }
  }

  remoteTracks(): readonly RemoteTrack[] {
    return this.shown.all();
  }

  audioLevel(identity: string, source: Source): number | null {
    return this.handover.from(identity, source).audioLevel(identity, source);
  }

  played(identity: string, source: Source): number | null {
    return this.handover.from(identity, source).played(identity, source);
  }

  show(identity: string, source: Source, size: TileSize): void {
    if (kindOf(source) !== "video") return;
    this.sizes.set(keyOf(identity, source), [identity, source, size]);
    for (const session of this.handover.both()) session.show(identity, source, size);
  }

  // ------------------------------------------------------------------------ what we send

  async publish(
    source: Source,
    track: MediaStreamTrack,
    options: PublishOptions = {},
  ): Promise<void> {
    const { carrier, next } = this.handover;
    const muted = options.muted ?? carrier.local(source)?.muted ?? false;
    await Promise.all([
      carrier.publish(source, track, { ...options, muted }),
      // A muted camera is not there at all, and comes with its next track.
      next && !(muted && source === "camera")
        ? next.publish(source, track, { ...options, muted })
        : null,
    ]);
  }

  async unpublish(source: Source): Promise<void> {
    await Promise.all(this.handover.both().map((session) => session.unpublish(source)));
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    const { carrier, next } = this.handover;
    await carrier.setMuted(source, muted);
    if (next?.local(source)) await next.setMuted(source, muted);
  }

  setShareMode(mode: ShareMode): void {
    for (const session of this.handover.both()) session.setShareMode(mode);
  }

  ease(ease: Ease): void {
    this.eased = ease;
    for (const session of this.handover.both()) session.ease(ease);
  }

  local(source: Source): LocalTrack | null {
    return this.handover.carrier.local(source);
  }

  get isSending(): boolean {
    return this.handover.carrier.isSending;
  }

  // ----------------------------------------------------------------------- who is present

  setParticipants(participants: readonly Listed[]): void {
    this.participants = participants;
    for (const session of this.handover.all()) session.setParticipants(participants);
  }

  allow(identity: string, source: Source, on: boolean): void {
    for (const session of this.handover.both()) session.allow(identity, source, on);
  }

  peers(): readonly Peer[] {
    return this.handover.carrier.peers();
  }

  restartIce(identity?: string): void {
    for (const session of this.handover.both()) session.restartIce(identity);
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.iceServers = servers;
    for (const session of this.handover.both()) session.setIceServers(servers);
  }

  stats(): Promise<readonly PeerStats[]> {
    return this.handover.carrier.stats();
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    if (this.closed) return;
    this.closed = true;
    this.handover.close(options);
    this.emitter.clear();
  }
}
