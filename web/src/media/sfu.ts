/**
 * The call through an SFU: one connection from each browser, which sends to it once and receives
 * everybody through it. `sfu*.ts` are the only importers of `livekit-client`, and are loaded when
 * a meeting needs them.
 *
 * The room's list rules as on the mesh: who is not on it is not played, and what the room does not
 * allow stays silent and black.
 */
import {
  RoomEvent,
  type RemoteParticipant,
  type RemoteTrack as LiveKitTrack,
  type RemoteTrackPublication,
} from "livekit-client";
import { mostOf } from "./bitrate";
import { Emitter, type Handler } from "./events";
import { Locals } from "./locals";
import { Tally } from "./negotiation";
import { pathOf, type Stat } from "./path";
import { Remotes } from "./remotes";
import { SfuData } from "./sfu_data";
import { SfuLine, type Access } from "./sfu_line";
import { SfuReceiving, type SfuRemote } from "./sfu_receiving";
import { Roster } from "./sfu_roster";
import { SfuSending } from "./sfu_sending";
import { measured } from "./sfu_stats";
import {
  MediaError,
  type DataPort,
  type Listed,
  type LocalTrack,
  type MediaSession,
  type Path,
  type Peer,
  type PeerState,
  type PeerStats,
  type PublishOptions,
  type RemoteTrack,
  type SessionEvents,
  type ShareMode,
  type Source,
  type TileSize,
} from "./session";
import type { Ease } from "./strain";

export interface SfuOptions {
  readonly self: string;
  readonly access: () => Promise<Access>;
  readonly iceServers: readonly RTCIceServer[];
  readonly transportPolicy?: RTCIceTransportPolicy;
}

export class SfuSession implements MediaSession {
  private readonly emitter = new Emitter<SessionEvents>();
  private readonly line: SfuLine;
  private readonly roster = new Roster();
  private readonly locals = new Locals(this.emitter, {
    dropped: (source) => void this.sending.send(source),
  });
  private readonly sending: SfuSending;
  private readonly remotes = new Remotes<SfuRemote>(this.emitter);
  private readonly receiving = new SfuReceiving(this.remotes);
  private readonly channels: SfuData;
  private readonly self: string;
  private iceServers: readonly RTCIceServer[];
  private readonly transportPolicy: RTCIceTransportPolicy;
  private path: Path | null = null;
  private closed = false;

  constructor(options: SfuOptions) {
    this.self = options.self;
    this.iceServers = options.iceServers;
    this.transportPolicy = options.transportPolicy ?? "all";
    this.line = new SfuLine(
      options.access,
      () => ({
        iceServers: [...this.iceServers],
        iceTransportPolicy: this.transportPolicy,
      }),
      {
        dynacast: true,
        stopLocalTrackOnUnpublish: false,
        publishDefaults: { simulcast: true, videoCodec: "vp8", dtx: true, red: false },
      },
    );
    this.sending = new SfuSending(this.line, this.locals, this.emitter);
    this.channels = new SfuData(this.line, (identity) => this.tell(identity));
    this.line.onstate = () => this.tellAll();
    this.line.onfresh = () => this.begin();
    this.line.room
      .on(RoomEvent.TrackSubscribed, (track, publication, participant) =>
        this.received(track, publication, participant),
      )
      .on(RoomEvent.TrackUnsubscribed, (track, _publication, { identity }) =>
        this.receiving.lost(this.roster.nameOf(identity), track),
      )
      .on(RoomEvent.ParticipantConnected, ({ identity }) => this.came(identity))
      .on(RoomEvent.ParticipantDisconnected, ({ identity }) => this.left(identity))
      .on(RoomEvent.DataReceived, (data, participant, _kind, topic) => {
        if (!participant || !topic) return;
        const identity = this.roster.nameOf(participant.identity);
        // The way is there a moment before our own connecting is told to be over.
        this.attach(identity);
        this.channels.received(identity, topic, data);
      })
      .on(RoomEvent.LocalTrackUnpublished, (publication) => this.sending.ended(publication))
      .on(RoomEvent.TrackMuted, (publication, { identity }) => {
        if (identity === this.self) this.sending.silenced(publication);
      });
  }

  /** Connects, and goes on for as long as the session is open. @throws when there is no way. */
  open(): Promise<void> {
    return this.line.open();
  }

  /** As `open`, and again until there is a way. */
  keep(): Promise<void> {
    return this.line.keep();
  }

  /** Another session on an SFU opens beside this one, and takes over unless it is given up. */
  leave(leaving: boolean): void {
    this.line.leave(leaving);
  }

  /** Connected, perhaps once more: the SFU knows nothing of us yet. */
  private begin(): void {
    this.sending.sendAnew();
    for (const identity of this.roster.identities()) this.attach(identity);
    this.tellAll();
  }

  get data(): DataPort {
    return this.channels.port;
  }

  on<K extends keyof SessionEvents>(type: K, handler: Handler<SessionEvents[K]>): () => void {
    return this.emitter.on(type, handler);
  }

  // ------------------------------------------------------------------------ what we send

  async publish(
    source: Source,
    track: MediaStreamTrack,
    options: PublishOptions = {},
  ): Promise<void> {
    if (this.closed) throw new MediaError("closed");
    const before = this.locals.put(source, track, options);
    await this.sending.send(source);
    before?.stop();
  }

  async unpublish(source: Source): Promise<void> {
    this.locals.drop(source);
    return Promise.resolve();
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    // Silent it is already; that the SFU says so too is not waited for.
    if (this.locals.mute(source, muted)) void this.sending.send(source);
    return Promise.resolve();
  }

  setShareMode(mode: ShareMode): void {
    this.locals.setShareMode(mode);
  }

  ease(ease: Ease): void {
    this.sending.ease(ease);
    this.receiving.ease(ease);
  }

  local(source: Source): LocalTrack | null {
    return this.locals.view(source);
  }

  get isSending(): boolean {
    return this.sending.isComplete;
  }

  // ----------------------------------------------------------------------- who is present

  setParticipants(participants: readonly Listed[]): void {
    if (this.closed) return;
    const others = new Map(
      participants.filter(({ identity }) => identity !== this.self).map((p) => [p.identity, p]),
    );
    for (const identity of this.roster.identities()) {
      if (!others.has(identity)) this.forget(identity);
    }
    for (const listed of others.values()) {
      const { identity, allowed, data } = listed;
      const isNew = this.roster.put(listed);
      if (allowed !== undefined) this.remotes.setAllowed(identity, new Set(allowed));
      this.channels.setSilent(identity, data === false);
      if (!isNew) continue;
      this.attach(identity);
      const there = this.line.room.remoteParticipants.get(this.roster.calledOf(identity));
      for (const publication of there?.trackPublications.values() ?? []) {
        if (there && publication.track) this.received(publication.track, publication, there);
      }
      this.tell(identity);
    }
  }

  allow(identity: string, source: Source, on: boolean): void {
    this.remotes.allow(identity, source, on);
  }

  private forget(identity: string): void {
    this.roster.remove(identity);
    this.remotes.forget(identity);
    this.channels.detach(identity);
    this.emitter.emit("peer", this.view(identity, "closed"));
  }

  private came(called: string): void {
    const identity = this.roster.nameOf(called);
    if (!this.roster.has(identity)) return;
    this.attach(identity);
    this.tell(identity);
  }

  private left(called: string): void {
    const identity = this.roster.nameOf(called);
    this.channels.detach(identity);
    this.tell(identity);
  }

  private isThere(identity: string): boolean {
    return this.line.room.remoteParticipants.has(this.roster.calledOf(identity));
  }

  /** Channels to who is there and speaks our language. */
  private attach(identity: string): void {
    if (!this.roster.has(identity) || this.roster.isVisitor(identity)) return;
    if (this.isThere(identity)) this.channels.attach(identity);
  }

  peers(): readonly Peer[] {
    return this.roster.identities().map((identity) => this.view(identity));
  }

  private view(identity: string, state?: PeerState): Peer {
    return {
      identity,
      sid: this.roster.sidOf(identity),
      state: state ?? this.stateOf(identity),
      path: this.path,
      data: this.channels.reaches(identity),
      unreachable: this.line.state === "failed",
    };
  }

  private stateOf(identity: string): PeerState {
    if (this.line.state === "connected") return this.isThere(identity) ? "connected" : "connecting";
    return this.line.state;
  }

  private tell(identity: string): void {
    if (this.roster.has(identity)) this.emitter.emit("peer", this.view(identity));
  }

  private tellAll(): void {
    for (const identity of this.roster.identities()) this.tell(identity);
  }

  // ---------------------------------------------------------------------- what we receive

  private received(
    track: LiveKitTrack,
    publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ): void {
    const identity = this.roster.nameOf(participant.identity);
    if (this.roster.has(identity)) this.receiving.received(identity, track, publication);
  }

  remoteTracks(): readonly RemoteTrack[] {
    return this.remotes.all();
  }

  audioLevel(identity: string, source: Source): number | null {
    return this.receiving.audioLevel(identity, source);
  }

  played(identity: string, source: Source): number | null {
    return this.receiving.played(identity, source);
  }

  show(identity: string, source: Source, size: TileSize): void {
    this.receiving.show(identity, source, size);
  }

  // ------------------------------------------------------------------------------- upkeep

  restartIce(): void {
    // The client looks for a new path by itself.
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.iceServers = servers;
  }

  async stats(): Promise<readonly PeerStats[]> {
    const sent = await measured(this.sending.senders());
    if (sent.report) this.path = pathOf(sent.report as ReadonlyMap<string, Stat>);
    const others = this.roster.identities().map(async (identity) => {
      const { mids, report } = await measured(this.receiving.receivers(identity));
      return this.statsOf(identity, {}, mids, report);
    });
    // What we send is sent once, to the SFU: it has a place of its own.
    return [this.statsOf("", sent.mids, {}, sent.report), ...(await Promise.all(others))];
  }

  private statsOf(
    identity: string,
    sends: Readonly<Record<string, Source>>,
    receives: Readonly<Record<string, Source>>,
    report: RTCStatsReport | null,
  ): PeerStats {
    return {
      identity,
      sid: this.roster.sidOf(identity),
      state: identity === "" ? this.line.state : this.stateOf(identity),
      polite: false,
      signaling_state: "stable",
      ice_state: this.line.state === "connected" ? "connected" : "checking",
      negotiation: new Tally().read(),
      sends,
      receives,
      camera_most_bps: identity === "" ? mostOf(this.sending.sender("camera")) : null,
      report,
    };
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    if (this.closed) return;
    this.closed = true;
    this.sending.close();
    this.line.close();
    this.receiving.close();
    for (const identity of this.roster.identities()) this.forget(identity);
    this.locals.clear(options.keepTracks === true);
    this.emitter.clear();
  }
}

export { trySfu, type SfuWay } from "./sfu_line";
