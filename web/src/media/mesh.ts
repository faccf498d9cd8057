/**
 * The call without a media server: one connection from every browser to every other.
 *
 * The room's list rules. Who is not on it has no connection, gets no answer and is not played;
 * what the room does not allow of somebody on it stays silent and black, whatever they send.
 * Our socket may come and go meanwhile: connections live by themselves.
 */
import { boundsFor, eased, type Bounds } from "./bitrate";
import { DataChannels } from "./data";
import { Emitter, type Handler } from "./events";
import { Locals } from "./locals";
import { isPolite } from "./negotiation";
import { watchNetwork } from "./network";
import { MeshPeer, type PeerHost } from "./peer";
import { Remotes } from "./remotes";
import {
  MediaError,
  type DataPort,
  type Link,
  type Listed,
  type LocalTrack,
  type MediaSession,
  type Peer,
  type PeerStats,
  type PublishOptions,
  type RemoteTrack,
  type SessionEvents,
  type ShareMode,
  type Signal,
  type SignalPort,
  type Source,
  type TileSize,
} from "./session";
import { lastPlayed } from "./steady";
import { Succession } from "./succession";
import type { Ease } from "./strain";
import { readWish, WISH_TOPIC, Wishes } from "./wishes";

export interface MeshOptions {
  readonly signals: SignalPort;
  readonly iceServers: readonly RTCIceServer[];
  /** `relay` tries no direct way; `all` unless said. */
  readonly transportPolicy?: RTCIceTransportPolicy;
  /** Called once, when the session is over. */
  readonly onclose?: () => void;
  /** Calls back when the machine's network changed; the browser's own news unless given. */
  readonly watchNetwork?: (changed: () => void) => () => void;
}

/** Former attempts of one participant, so that what they left in the network is known as old. */
const RETIRED_LIMIT = 16;
/** Rebuilding is a last resort: a peer that breaks every connection gets no busy loop. */
const REBUILD_GAP_MS = 5_000;
const LOOK_MS = 250;

export class MeshSession implements MediaSession {
  private readonly signals: SignalPort;
  private readonly emitter = new Emitter<SessionEvents>();
  private readonly channels: DataChannels;
  private readonly listed = new Map<string, string>();
  private readonly connections = new Map<string, MeshPeer>();
  private readonly remotes = new Remotes(this.emitter);
  private readonly succession = new Succession(
    this.remotes,
    (identity, source) =>
      this.played(identity, source) !== null || !this.wishes.wants(identity, source),
  );
  private readonly locals = new Locals(this.emitter, {
    kept: () => this.adaptBounds(),
    dropped: (source) => {
      for (const peer of this.connections.values()) peer.removeTrack(source);
      this.adaptBounds();
    },
  });
  private readonly wishes = new Wishes((to, wish) => this.channels.send(WISH_TOPIC, wish, [to]));
  private readonly retired = new Map<string, Set<string>>();
  private readonly rebuilt_ms = new Map<string, number>();
  private readonly unwatch: () => void;
  private readonly looking: ReturnType<typeof setInterval>;
  private iceServers: readonly RTCIceServer[];
  private readonly transportPolicy: RTCIceTransportPolicy;
  private readonly onclose: (() => void) | undefined;
  private eased: Ease = 0;
  private closed = false;

  /** Tracks of one stream are kept in step with each other; a share has its own sound. */
  private readonly streams = { person: new MediaStream(), share: new MediaStream() };

  private readonly host: PeerHost = {
    signal: (peer, signal) => this.signals.send(peer.identity, peer.link, signal),
    stateChanged: (peer) => this.tell(peer.identity),
    received: (peer, source, track, stream) => this.received(peer, source, track, stream),
    gone: (peer, source) => this.succession.gone(peer.identity, source),
    settled: (peer, sources) => {
      if (this.connections.get(peer.identity) === peer) {
        this.succession.settled(peer.identity, sources);
      }
    },
    rebuild: (peer) => this.rebuild(peer),
    startOver: (peer) => this.startOver(peer),
    heard: (peer) => this.signals.pending(peer.identity) === 0,
    reachable: () => this.signals.reachable,
    doubt: () => this.signals.doubt(),
    wants: (peer, source) => this.wishes.wants(peer.identity, source),
    channelCame: (peer, channel) => {
      if (this.connections.get(peer.identity) === peer) this.channels.came(peer.identity, channel);
      else channel.close();
    },
    warn: (peer, code, error) =>
      this.emitter.emit("warning", { identity: peer.identity, code, detail: String(error) }),
  };

  constructor(options: MeshOptions) {
    this.signals = options.signals;
    this.iceServers = options.iceServers;
    this.transportPolicy = options.transportPolicy ?? "all";
    this.channels = new DataChannels((identity) => {
      this.tell(identity);
      this.wishes.opened(identity);
    });
    this.channels.on(WISH_TOPIC, (from, payload) => {
      const spared = readWish(payload);
      if (spared !== null) this.connections.get(from)?.spare(spared);
    });
    this.onclose = options.onclose;
    this.signals.accepts = (from) => this.listed.has(from);
    this.signals.onsignal = (from, link, signal) => this.signalled(from, link, signal);
    this.signals.onreachable = () => {
      for (const peer of this.connections.values()) peer.onReachable();
    };
    this.unwatch = (options.watchNetwork ?? watchNetwork)(() => {
      this.signals.doubt();
      for (const peer of this.connections.values()) peer.onNetworkChange();
    });
    this.looking = setInterval(() => {
      for (const peer of this.connections.values()) peer.look(performance.now());
    }, LOOK_MS);
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
    await this.sendEverywhere(source);
    before?.stop();
  }

  async unpublish(source: Source): Promise<void> {
    this.locals.drop(source);
    return Promise.resolve();
  }

  async setMuted(source: Source, muted: boolean): Promise<void> {
    // The others need no word of a silent microphone: DTX makes the silence nearly free, and taking
    // the track away would only add a moment in which it is still sent.
    if (this.locals.mute(source, muted) && source === "camera") await this.sendEverywhere(source);
  }

  setShareMode(mode: ShareMode): void {
    this.locals.setShareMode(mode);
  }

  ease(ease: Ease): void {
    this.eased = ease;
    this.adaptBounds();
  }

  local(source: Source): LocalTrack | null {
    return this.locals.view(source);
  }

  private async sendEverywhere(source: Source): Promise<void> {
    await Promise.all([...this.connections.values()].map((peer) => this.sendTo(peer, source)));
  }

  private async sendTo(peer: MeshPeer, source: Source): Promise<void> {
    const local = this.locals.get(source);
    if (local === undefined) return;
    const person = source === "microphone" || source === "camera";
    await peer.setTrack(source, local.track, person ? this.streams.person : this.streams.share);
  }

  private adaptBounds(): void {
    const sending = new Set<Source>();
    for (const { source, track } of this.locals.all()) if (track !== null) sending.add(source);
    const bounds = new Map<Source, Bounds>();
    for (const { source, mode, options } of this.locals.all()) {
      const whole = boundsFor(source, { ...options, mode }, this.connections.size, sending);
      bounds.set(source, source === "camera" ? eased(whole, this.eased) : whole);
    }
    for (const peer of this.connections.values()) peer.setBounds(bounds);
  }

  // ----------------------------------------------------------------------- who is present

  setParticipants(participants: readonly Listed[]): void {
    if (this.closed) return;
    const others = new Map(
      participants
        .filter(({ identity }) => identity !== this.signals.self)
        .map((p) => [p.identity, p]),
    );
    for (const identity of [...this.listed.keys()])
      if (!others.has(identity)) this.remove(identity);
    let came = false;
    for (const { identity, sid, allowed, data } of others.values()) {
      const sid_before = this.listed.get(identity);
      this.listed.set(identity, sid);
      if (allowed !== undefined) this.remotes.setAllowed(identity, new Set(allowed));
      this.channels.setSilent(identity, data === false);
      const peer = this.connections.get(identity);
      if (peer === undefined) {
        this.connect(identity);
        came = true;
      } else if (sid_before !== sid && peer.remote === "") {
        // A client without links cannot say that it began anew; its new seat says it.
        this.signals.forget(identity);
        this.replace(peer);
      }
    }
    if (came) this.adaptBounds();
  }

  allow(identity: string, source: Source, on: boolean): void {
    this.remotes.allow(identity, source, on);
  }

  private remove(identity: string): void {
    this.listed.delete(identity);
    const peer = this.connections.get(identity);
    if (peer !== undefined) this.disconnect(peer);
    this.signals.forget(identity);
    this.remotes.forget(identity);
    this.succession.forget(identity);
    this.wishes.forget(identity);
    this.rebuilt_ms.delete(identity);
    this.adaptBounds();
  }

  // ------------------------------------------------------------------------- connections

  /**
   * @param before whose place it takes here.
   * @param as the same, where the other end is to see no difference.
   */
  private connect(identity: string, before?: MeshPeer, as?: MeshPeer): MeshPeer {
    const polite = isPolite(this.signals.self, identity);
    const peer = new MeshPeer(
      identity,
      polite,
      { iceServers: [...this.iceServers], iceTransportPolicy: this.transportPolicy },
      this.host,
      as,
    );
    if (before !== undefined) peer.follow(before);
    this.connections.set(identity, peer);
    this.channels.attach(identity, peer.channel, {
      lossy: peer.lossy,
      open: (label) => peer.openChannel(label),
    });
    for (const { source } of this.locals.all()) void this.sendTo(peer, source);
    this.tell(identity);
    return peer;
  }

  private disconnect(peer: MeshPeer, replaced = false): void {
    const { identity } = peer;
    if (peer.remote !== null) this.retire(identity, peer.remote);
    this.signals.forget(identity, peer.id);
    this.channels.detach(identity);
    if (replaced) {
      peer.retire();
      this.succession.keep(peer);
    } else {
      peer.close();
    }
    this.tell(identity);
    this.connections.delete(identity);
  }

  private retire(identity: string, remote: string): void {
    const retired = this.retired.get(identity) ?? new Set();
    this.retired.set(identity, retired);
    if (remote !== "") retired.add(remote);
    const [oldest] = retired;
    if (retired.size > RETIRED_LIMIT && oldest !== undefined) retired.delete(oldest);
  }

  private replace(peer: MeshPeer): MeshPeer {
    this.disconnect(peer, true);
    const next = this.connect(peer.identity, peer);
    this.adaptBounds();
    return next;
  }

  /**
   * Two first offers have crossed, and ours gives way. It is not rolled back: under load Chromium
   * (156, November 2026) then now and then gathers no candidates ever, or fails to answer ("Failed
   * to start SCTP transport"). For the other end nothing changes: it is the same attempt, whose
   * signals go on in their order.
   */
  private startOver(peer: MeshPeer): MeshPeer {
    const { identity } = peer;
    this.channels.detach(identity);
    peer.close();
    const next = this.connect(identity, peer, peer);
    this.adaptBounds();
    return next;
  }

  private rebuild(peer: MeshPeer): boolean {
    if (this.connections.get(peer.identity) !== peer) return false;
    const now_ms = performance.now();
    if (now_ms - (this.rebuilt_ms.get(peer.identity) ?? -Infinity) < REBUILD_GAP_MS) return false;
    this.rebuilt_ms.set(peer.identity, now_ms);
    this.emitter.emit("warning", { identity: peer.identity, code: "rebuilt", detail: peer.state });
    this.replace(peer);
    return true;
  }

  private signalled(from: string, link: Link, signal: Signal): void {
    const peer = this.connections.get(from);
    if (peer === undefined) return;
    if (link.from !== peer.remote) {
      if (this.retired.get(from)?.has(link.from) === true) return;
      // For a connection of ours that is no more: its owner will hear of the new one.
      if (link.to !== null && link.to !== peer.id) return;
      if (peer.remote !== null) {
        // They reloaded or rebuilt: what we had led to a connection that is gone.
        const next = this.replace(peer);
        next.remote = link.from;
        next.handle(signal);
        return;
      }
      peer.remote = link.from;
    } else if (link.to !== null && link.to !== peer.id) {
      return;
    }
    peer.handle(signal);
  }

  // ---------------------------------------------------------------------- what we receive

  private received(
    peer: MeshPeer,
    source: Source,
    track: MediaStreamTrack,
    stream: MediaStream,
  ): void {
    const { identity } = peer;
    if (this.connections.get(identity) !== peer) return;
    this.succession.received({ identity, source, track, stream, allowed: false });
  }

  remoteTracks(): readonly RemoteTrack[] {
    return this.remotes.all();
  }

  audioLevel(identity: string, source: Source): number | null {
    const receiver = this.connections.get(identity)?.receiverOf(source);
    if (this.remotes.get(identity, source)?.allowed !== true) return null;
    return receiver?.getSynchronizationSources()[0]?.audioLevel ?? null;
  }

  played(identity: string, source: Source): number | null {
    return lastPlayed(this.connections.get(identity)?.receiverOf(source) ?? undefined);
  }

  /** Everybody gets one picture, or none; its size is up to its sender. */
  show(identity: string, source: Source, size: TileSize): void {
    this.wishes.show(identity, source, size);
  }

  get isSending(): boolean {
    return !this.closed;
  }

  /** The room gave the call that goes on another number. */
  setEpoch(epoch: number): void {
    this.signals.setEpoch?.(epoch);
  }

  peers(): readonly Peer[] {
    return [...this.connections.values()].map((peer) => this.view(peer));
  }

  private view(peer: MeshPeer): Peer {
    const { identity, state, path, unreachable } = peer;
    const data = peer.channel.readyState === "open";
    return { identity, sid: this.listed.get(identity) ?? "", state, path, data, unreachable };
  }

  private tell(identity: string): void {
    const peer = this.connections.get(identity);
    if (peer !== undefined) this.emitter.emit("peer", this.view(peer));
  }

  // ------------------------------------------------------------------------------- upkeep

  restartIce(identity?: string): void {
    for (const peer of this.connections.values()) {
      if (identity === undefined || peer.identity === identity) peer.restartIce();
    }
  }

  setIceServers(servers: readonly RTCIceServer[]): void {
    this.iceServers = servers;
    for (const peer of this.connections.values()) peer.setIceServers(servers);
  }

  async stats(): Promise<readonly PeerStats[]> {
    return Promise.all(
      [...this.connections.values()].map((peer) =>
        peer.peerStats(this.listed.get(peer.identity) ?? ""),
      ),
    );
  }

  close(options: { readonly keepTracks?: boolean } = {}): void {
    if (this.closed) return;
    this.closed = true;
    this.unwatch();
    clearInterval(this.looking);
    for (const identity of [...this.listed.keys()]) this.remove(identity);
    this.locals.clear(options.keepTracks === true);
    this.signals.onsignal = null;
    this.signals.onreachable = null;
    this.signals.accepts = () => false;
    this.emitter.clear();
    this.onclose?.();
  }
}
