/**
 * The call through an SFU: one connection from each browser, which sends to it once and receives
 * everybody through it. `sfu*.ts` are the only importers of `livekit-client`, and are loaded when
 * a meeting needs them.
 *
 * The room's list rules as on the mesh: who is not on it is not played, and what the room does not
 * allow stays silent and black.
 */
import {
  LocalAudioTrack,
  LocalVideoTrack,
  RoomEvent,
  Track,
  VideoPreset,
  type LocalTrack as LiveKitLocal,
  type LocalTrackPublication,
  type RemoteParticipant,
  type RemoteTrack as LiveKitTrack,
  type RemoteTrackPublication,
  type TrackPublishOptions,
} from "livekit-client";
import { easeLayers, mostOf } from "./bitrate";
import { DataChannels } from "./data";
import { Emitter, type Handler } from "./events";
import { Hiding } from "./hiding";
import { Locals, type Local } from "./locals";
import { Tally } from "./negotiation";
import { pathOf, type Stat } from "./path";
import { Remotes } from "./remotes";
import { SfuChannels } from "./sfu_channels";
import { SfuLine, type Access } from "./sfu_line";
import {
  isSource,
  kindOf,
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
import { lastPlayed } from "./steady";
import type { Ease } from "./strain";

export interface SfuOptions {
  readonly self: string;
  readonly access: () => Promise<Access>;
  readonly iceServers: readonly RTCIceServer[];
  readonly transportPolicy?: RTCIceTransportPolicy;
}

interface Remote extends RemoteTrack {
  readonly publication: RemoteTrackPublication;
  readonly livekit: LiveKitTrack;
}

const CAMERA_BPS = 1_500_000;
const CAMERA_LAYERS = [
  new VideoPreset(320, 180, 160_000, 20),
  new VideoPreset(640, 360, 450_000, 25),
];
const SHARE: Record<ShareMode, { maxBitrate: number; maxFramerate: number }> = {
  text: { maxBitrate: 1_800_000, maxFramerate: 10 },
  motion: { maxBitrate: 2_500_000, maxFramerate: 30 },
};
/** An SFU holds what a slow reader has not taken, and puts out whom it would hold too much for. */
const WINDOW_BYTES = 1024 * 1024;
/** While a window is being resized, not every pixel is worth a word. */
const STEP_PX = 32;

const SOURCES: Readonly<Record<Source, Track.Source>> = {
  microphone: Track.Source.Microphone,
  camera: Track.Source.Camera,
  screen_share: Track.Source.ScreenShare,
  screen_share_audio: Track.Source.ScreenShareAudio,
};

export class SfuSession implements MediaSession {
  private readonly emitter = new Emitter<SessionEvents>();
  private readonly line: SfuLine;
  private readonly channels: DataChannels;
  private readonly lines = new Map<string, SfuChannels>();
  private readonly listed = new Map<string, Listed>();
  /** What somebody is called on the SFU, to what they are called in the room. */
  private readonly names = new Map<string, string>();
  private readonly remotes = new Remotes<Remote>(this.emitter);
  private readonly locals = new Locals(this.emitter, {
    dropped: (source) => void this.send(source),
  });
  private readonly published = new Map<Source, LocalTrackPublication>();
  private readonly sizes = new Map<string, TileSize>();
  private readonly hiding = new Hiding();
  private readonly self: string;
  private iceServers: readonly RTCIceServer[];
  private readonly transportPolicy: RTCIceTransportPolicy;
  private path: Path | null = null;
  private eased: Ease = 0;
  /** The layers of the camera as they were published. */
  private layers: readonly RTCRtpEncodingParameters[] = [];
  private sending: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: SfuOptions) {
    this.self = options.self;
    this.iceServers = options.iceServers;
    this.transportPolicy = options.transportPolicy ?? "all";
    this.channels = new DataChannels((identity) => this.tell(identity));
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
    this.line.onstate = () => this.tellAll();
    this.line.onfresh = () => this.republish();
    this.line.room
      .on(RoomEvent.TrackSubscribed, (track, publication, participant) =>
        this.received(track, publication, participant),
      )
      .on(RoomEvent.TrackUnsubscribed, (track, _publication, participant) =>
        this.lost(track, participant),
      )
      .on(RoomEvent.ParticipantConnected, ({ identity }) => this.came(identity))
      .on(RoomEvent.ParticipantDisconnected, ({ identity }) => this.left(identity))
      .on(RoomEvent.DataReceived, (data, participant, _kind, topic) => {
        if (!participant || !topic) return;
        const identity = this.nameOf(participant.identity);
        // The way is there a moment before our own connecting is told to be over.
        this.attach(identity);
        this.lines.get(identity)?.received(topic, data);
      })
      .on(RoomEvent.LocalTrackUnpublished, (publication) => {
        // The server ended it: what is sent of this source another time is published anew.
        for (const [source, there] of this.published) {
          if (there === publication) this.published.delete(source);
        }
      })
      .on(RoomEvent.TrackMuted, (publication, participant) => {
        // The server muted what the room says is muted: our button follows the room.
        if (participant.identity === this.self && publication.track) {
          const source = publication.source as string;
          if (isSource(source)) this.silenced(source);
        }
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

  get data(): DataPort {
    return this.channels;
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
    await this.send(source);
    before?.stop();
  }

  async unpublish(source: Source): Promise<void> {
    this.locals.drop(source);
    return Promise.resolve();
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    // Silent it is already; that the SFU says so too is not waited for.
    if (this.locals.mute(source, muted)) void this.send(source);
    return Promise.resolve();
  }

  setShareMode(mode: ShareMode): void {
    this.locals.setShareMode(mode);
  }

  ease(ease: Ease): void {
    this.eased = ease;
    this.easeCamera();
    // A machine that is short of time also has less to decode.
    for (const remote of this.remotes.all()) this.fit(remote);
  }

  private easeCamera(): void {
    const sender = this.published.get("camera")?.track?.sender;
    if (sender) void easeLayers(sender, this.layers, this.eased);
  }

  local(source: Source): LocalTrack | null {
    return this.locals.view(source);
  }

  /** Whether the SFU has everything that we send. */
  get isSending(): boolean {
    return this.locals
      .all()
      .every(({ source, track }) => track === null || this.published.has(source));
  }

  private silenced(source: Source): void {
    const local = this.locals.get(source);
    // Our own word on it comes from the room; until then nothing more leaves the device.
    if (local?.track && !local.muted) local.track.enabled = false;
  }

  /** Makes the SFU have of a source what we have; one thing after the other. */
  private send(source: Source): Promise<void> {
    this.sending = this.sending
      .then(() => this.bringUp(source))
      .catch((error: unknown) => {
        if (this.closed || this.line.state !== "connected") return;
        this.emitter.emit("warning", { identity: null, code: "publish", detail: String(error) });
      });
    return this.sending;
  }

  private async bringUp(source: Source): Promise<void> {
    if (this.closed || this.line.state !== "connected") return;
    const { localParticipant } = this.line.room;
    const local = this.locals.get(source);
    const there = this.published.get(source);
    const sent = there?.track;
    if (local === undefined) {
      this.published.delete(source);
      if (sent) await localParticipant.unpublishTrack(sent, false);
      return;
    }
    if (sent === undefined) {
      if (local.track === null) return;
      const made =
        local.track.kind === "audio"
          ? new LocalAudioTrack(local.track, undefined, true)
          : new LocalVideoTrack(local.track, undefined, true);
      if (local.muted) await made.mute();
      const options = this.publishOptions(source, local);
      this.published.set(
        source,
        await localParticipant.publishTrack(made as LiveKitLocal, options),
      );
      if (source === "camera") {
        this.layers = made.sender?.getParameters().encodings ?? [];
        if (this.eased > 0) this.easeCamera();
      }
      return;
    }
    if (local.track !== null && sent.mediaStreamTrack !== local.track) {
      await sent.replaceTrack(local.track, { userProvidedTrack: true });
    }
    if (local.muted !== sent.isMuted) await (local.muted ? sent.mute() : sent.unmute());
  }

  private publishOptions(source: Source, { mode, options }: Local): TrackPublishOptions {
    const most = options.maxBitrate_bps ?? Infinity;
    const share = SHARE[mode ?? "text"];
    return {
      source: SOURCES[source],
      ...(source === "camera"
        ? {
            videoEncoding: {
              maxBitrate: Math.min(CAMERA_BPS, most),
              maxFramerate: options.maxFramerate ?? 30,
            },
            videoSimulcastLayers: CAMERA_LAYERS,
          }
        : {}),
      ...(source === "screen_share"
        ? { screenShareEncoding: { ...share, maxBitrate: Math.min(share.maxBitrate, most) } }
        : {}),
    };
  }

  private republish(): void {
    this.published.clear();
    for (const { source } of this.locals.all()) void this.send(source);
    for (const { identity } of this.listed.values()) this.attach(identity);
    this.tellAll();
  }

  // ----------------------------------------------------------------------- who is present

  setParticipants(participants: readonly Listed[]): void {
    if (this.closed) return;
    const others = new Map(
      participants.filter(({ identity }) => identity !== this.self).map((p) => [p.identity, p]),
    );
    for (const identity of [...this.listed.keys()]) {
      if (!others.has(identity)) this.forget(identity);
    }
    for (const listed of others.values()) {
      const { identity, allowed, data } = listed;
      const isNew = !this.listed.has(identity);
      this.listed.set(identity, listed);
      this.names.set(listed.livekit ?? identity, identity);
      if (allowed !== undefined) this.remotes.setAllowed(identity, new Set(allowed));
      this.channels.setSilent(identity, data === false);
      if (!isNew) continue;
      this.attach(identity);
      const there = this.line.room.remoteParticipants.get(listed.livekit ?? identity);
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
    const listed = this.listed.get(identity);
    this.listed.delete(identity);
    this.names.delete(listed?.livekit ?? identity);
    this.remotes.forget(identity);
    this.detach(identity);
    this.emitter.emit("peer", this.view(identity, "closed"));
  }

  private nameOf(called: string): string {
    return this.names.get(called) ?? called;
  }

  private came(called: string): void {
    const identity = this.nameOf(called);
    if (!this.listed.has(identity)) return;
    this.attach(identity);
    this.tell(identity);
  }

  private left(called: string): void {
    const identity = this.nameOf(called);
    this.detach(identity);
    if (this.listed.has(identity)) this.tell(identity);
  }

  private isThere(identity: string): boolean {
    const called = this.listed.get(identity)?.livekit ?? identity;
    return this.line.room.remoteParticipants.has(called);
  }

  /** Channels to who is there and speaks our language. */
  private attach(identity: string): void {
    const listed = this.listed.get(identity);
    if (!listed || listed.livekit || this.lines.has(identity) || !this.isThere(identity)) return;
    const line = new SfuChannels(
      identity,
      (to, topic, data, lossy) => this.packet(to, topic, data, lossy),
      (channel) => this.channels.came(identity, channel),
    );
    this.lines.set(identity, line);
    this.channels.attach(identity, line.reliable.asChannel(), {
      lossy: line.lossy.asChannel(),
      open: () => line.open(),
      window_bytes: WINDOW_BYTES,
    });
  }

  private detach(identity: string): void {
    const line = this.lines.get(identity);
    if (line === undefined) return;
    this.lines.delete(identity);
    this.channels.detach(identity);
    line.close();
  }

  private packets: Promise<void> = Promise.resolve();

  private packet(
    to: string,
    topic: string,
    data: Uint8Array<ArrayBuffer>,
    lossy: boolean,
  ): Promise<void> {
    const options = { reliable: !lossy, topic, destinationIdentities: [to] };
    const { localParticipant } = this.line.room;
    if (lossy) return localParticipant.publishData(data, options);
    // In the order in which they were given.
    const sent = this.packets.then(() => localParticipant.publishData(data, options));
    this.packets = sent.catch(() => undefined);
    return sent;
  }

  // ---------------------------------------------------------------------- what we receive

  private received(
    livekit: LiveKitTrack,
    publication: RemoteTrackPublication,
    participant: RemoteParticipant,
  ): void {
    const source = publication.source as string;
    const identity = this.nameOf(participant.identity);
    if (!isSource(source) || !this.listed.has(identity)) return;
    const track = livekit.mediaStreamTrack;
    if (this.remotes.get(identity, source)?.track === track) return;
    const stream = new MediaStream([track]);
    const remote: Remote = {
      identity,
      source,
      track,
      stream,
      allowed: false,
      publication,
      livekit,
    };
    this.fit(remote);
    this.remotes.add(remote);
  }

  private lost(livekit: LiveKitTrack, participant: RemoteParticipant): void {
    const identity = this.nameOf(participant.identity);
    for (const remote of this.remotes.of(identity)) {
      if (remote.livekit === livekit) this.remotes.remove(identity, remote.source);
    }
  }

  remoteTracks(): readonly RemoteTrack[] {
    return this.remotes.all();
  }

  audioLevel(identity: string, source: Source): number | null {
    const remote = this.remotes.get(identity, source);
    if (remote?.allowed !== true) return null;
    return remote.livekit.receiver?.getSynchronizationSources()[0]?.audioLevel ?? null;
  }

  played(identity: string, source: Source): number | null {
    return lastPlayed(this.remotes.get(identity, source)?.livekit.receiver);
  }

  show(identity: string, source: Source, size: TileSize): void {
    this.sizes.set(`${identity} ${source}`, size);
    const remote = this.remotes.get(identity, source);
    if (remote) this.fit(remote);
  }

  /** Asks for the layer that fits the tile, and for nothing where there is none for a while. */
  private fit({ identity, source, publication }: Remote): void {
    const key = `${identity} ${source}`;
    const size = this.sizes.get(key);
    if (size === undefined || kindOf(source) !== "video") return;
    if (size === "hidden") {
      this.hiding.hide(key, () => publication.setEnabled(false));
      return;
    }
    this.hiding.seen(key);
    publication.setEnabled(true);
    const step = STEP_PX * (source === "camera" ? 1 + this.eased : 1);
    publication.setVideoDimensions({
      width: Math.ceil(size.width / step) * STEP_PX,
      height: Math.ceil(size.height / step) * STEP_PX,
    });
  }

  peers(): readonly Peer[] {
    return [...this.listed.keys()].map((identity) => this.view(identity));
  }

  private view(identity: string, state?: PeerState): Peer {
    const { sid } = this.listed.get(identity) ?? { sid: "" };
    return {
      identity,
      sid,
      state: state ?? this.stateOf(identity),
      path: this.path,
      data: this.lines.has(identity),
      unreachable: this.line.state === "failed",
    };
  }

  private stateOf(identity: string): PeerState {
    if (this.line.state === "connected") return this.isThere(identity) ? "connected" : "connecting";
    return this.line.state;
  }

  private tell(identity: string): void {
    if (this.listed.has(identity)) this.emitter.emit("peer", this.view(identity));
  }

  private tellAll(): void {
    for (const identity of this.listed.keys()) this.tell(identity);
  }

  // ------------------------------------------------------------------------------- upkeep

  restartIce(): void {
    // The client looks for a new path by itself.
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.iceServers = servers;
  }

  async stats(): Promise<readonly PeerStats[]> {
    const sent = await this.report(
      [...this.published].map(([source, { track }]) => [source, track?.sender]),
    );
    if (sent.report) this.path = pathOf(sent.report as ReadonlyMap<string, Stat>);
    const others = [...this.listed.keys()].map(async (identity) => {
      const receivers = this.remotes
        .of(identity)
        .map(({ source, livekit }) => [source, livekit.receiver] as const);
      const { mids, report } = await this.report(receivers);
      return this.statsOf(identity, {}, mids, report);
    });
    // What we send is sent once, to the SFU: it has a place of its own.
    return [this.statsOf("", sent.mids, {}, sent.report), ...(await Promise.all(others))];
  }

  private async report(
    ends: readonly (readonly [Source, RTCRtpSender | RTCRtpReceiver | undefined])[],
  ): Promise<{ mids: Record<string, Source>; report: RTCStatsReport | null }> {
    const mids: Record<string, Source> = {};
    const all = new Map<string, Stat>();
    for (const [source, end] of ends) {
      if (end === undefined) continue;
      const report = await end.getStats().catch(() => null);
      for (const stat of (report as ReadonlyMap<string, Stat> | null)?.values() ?? []) {
        all.set(stat.id, stat);
        if (stat.type !== "inbound-rtp" && stat.type !== "outbound-rtp") continue;
        if (typeof stat["mid"] === "string") mids[stat["mid"]] = source;
      }
    }
    return { mids, report: all.size === 0 ? null : (all as unknown as RTCStatsReport) };
  }

  private statsOf(
    identity: string,
    sends: Record<string, Source>,
    receives: Record<string, Source>,
    report: RTCStatsReport | null,
  ): PeerStats {
    return {
      identity,
      sid: this.listed.get(identity)?.sid ?? "",
      state: identity === "" ? this.line.state : this.stateOf(identity),
      polite: false,
      signaling_state: "stable",
      ice_state: this.line.state === "connected" ? "connected" : "checking",
      negotiation: new Tally().read(),
      sends,
      receives,
      camera_most_bps: identity === "" ? mostOf(this.published.get("camera")?.track?.sender) : null,
      report,
    };
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    if (this.closed) return;
    this.closed = true;
    this.line.close();
    this.hiding.close();
    for (const identity of [...this.listed.keys()]) this.forget(identity);
    this.locals.clear(options.keepTracks === true);
    this.emitter.clear();
  }
}

export { trySfu, type SfuWay } from "./sfu_line";
