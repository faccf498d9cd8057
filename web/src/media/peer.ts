/**
 * One connection attempt to one participant: an RTCPeerConnection, what it sends by source, and
 * what it receives by source. `mesh.ts` decides who gets one and when it is made anew.
 *
 * A source keeps its transceiver for as long as the connection lives. Muting a camera, changing a
 * device or turning it on again is `replaceTrack`; only publishing and unpublishing negotiate.
 */
import {
  applyBounds,
  mostOf,
  askForOpusDtx,
  preferScreenCodec,
  sendWholePicture,
  type Bounds,
} from "./bitrate";
import { Telling } from "./candidates";
import { CHANNEL_LABEL, CHANNEL_OPTIONS, LOSSY_LABEL, LOSSY_OPTIONS } from "./data";
import { judgeDescription, restartsIce, Tally } from "./negotiation";
import { pathOf, type StatsMap } from "./path";
import { Reach } from "./reach";
import { Reports } from "./reports";
import { Recovery } from "./recovery";
import { SilenceWatch } from "./silence";
import {
  kindOf,
  type DescriptionData,
  type Link,
  type Path,
  type PeerState,
  type PeerStats,
  type Signal,
  type Source,
} from "./session";

/** The polite end lets the other offer first: crossing offers work, but cost a rollback. */
const HOLD_OFFER_MS = 300;
/** Candidates, or their end, come within milliseconds of an answer; a browser may never give any. */
const GATHERING_MS = 2_000;
/** A browser has a few dozen; who sends more is not worth the memory. */
const CANDIDATE_LIMIT = 500;
/** After a change of network, so long a silence is not one between two packets. */
const STUCK_MS = 500;
const PATH_LOOKS = 3;
const PATH_LOOK_MS = 500;

export interface PeerHost {
  signal(peer: MeshPeer, signal: Signal): void;
  stateChanged(peer: MeshPeer): void;
  received(peer: MeshPeer, source: Source, track: MediaStreamTrack, stream: MediaStream): void;
  gone(peer: MeshPeer, source: Source): void;
  /** All that comes by this connection was told. */
  settled(peer: MeshPeer, sources: ReadonlySet<Source>): void;
  /** This connection is beyond repair: make another. False where that was done a moment ago. */
  rebuild(peer: MeshPeer): boolean;
  /** The other's first offer crossed ours: a new connection in the place of this one takes it. */
  startOver(peer: MeshPeer): MeshPeer;
  heard(peer: MeshPeer): boolean;
  reachable(): boolean;
  /** Something is wrong with the way to this peer: perhaps with the one to the server, too. */
  doubt(): void;
  warn(peer: MeshPeer, code: string, error: unknown): void;
  /** Whether somebody looks at this picture here. */
  wants(peer: MeshPeer, source: Source): boolean;
  /** The other end opened a channel by its own wish. */
  channelCame(peer: MeshPeer, channel: RTCDataChannel): void;
}

interface Slot {
  readonly sender: RTCRtpSender;
  readonly transceiver: RTCRtpTransceiver;
  active: boolean;
}

interface Arrival {
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
}

export class MeshPeer {
  /** Names this attempt in signals: see `Link`. */
  readonly id: string;
  /** The other end's attempt; null until it was heard of. */
  remote: string | null = null;
  path: Path | null = null;
  readonly channel: RTCDataChannel;
  readonly lossy: RTCDataChannel;

  private readonly pc: RTCPeerConnection;
  private readonly recovery: Recovery;
  private readonly silence: SilenceWatch;
  private readonly reach: Reach;
  private readonly reports: Reports;
  private readonly tally: Tally;
  private readonly telling = new Telling();
  private readonly slots = new Map<Source, Slot>();
  private readonly arrivals = new Map<Source, Arrival>();
  private receives: Readonly<Record<string, Source>> = {};
  private bounds: ReadonlyMap<Source, Bounds> = new Map();
  /** What the other end does not look at. */
  private spared: ReadonlySet<Source> = new Set();

  private makingOffer = false;
  private ignoring = false;
  private holding: ReturnType<typeof setTimeout> | undefined;
  private neededWhileHolding = false;
  private candidates = 0;
  private wasConnected = false;
  private replaces = false;
  private gathered = false;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private looking: ReturnType<typeof setTimeout> | undefined;
  private turn: Promise<void> = Promise.resolve();
  private successor: MeshPeer | null = null;
  private closed = false;

  constructor(
    readonly identity: string,
    readonly polite: boolean,
    ways: Pick<RTCConfiguration, "iceServers" | "iceTransportPolicy">,
    private readonly host: PeerHost,
    before?: MeshPeer,
  ) {
    // In the place of another one it goes on where that was: for the other end it is the same.
    this.id = before?.id ?? randomId();
    this.remote = before?.remote ?? null;
    this.tally = before?.tally ?? new Tally();
    this.pc = new RTCPeerConnection({ ...ways, bundlePolicy: "max-bundle" });
    this.reports = new Reports(this.pc);
    if (polite) this.holding = setTimeout(() => this.release(true), HOLD_OFFER_MS);
    this.recovery = new Recovery(polite, {
      restart: () => this.restartIce(),
      rebuild: () => host.rebuild(this),
      reachable: () => host.reachable(),
      heard: () => host.heard(this),
      stuck: () => this.path?.type === "relay" && this.silence.lasted(performance.now()) > STUCK_MS,
    });
    this.silence = new SilenceWatch(
      { heard: () => this.lastHeard(), expects: () => this.expects() },
      {
        doubt: () => host.doubt(),
        silent: () => this.recovery.onSilence(),
        flow: (again) => {
          this.recovery.onFlow();
          if (again) this.showAnew();
        },
      },
    );
    this.reach = new Reach({
      exchanged: () => this.pc.remoteDescription !== null && host.heard(this),
      changed: () => host.stateChanged(this),
    });
    this.listen();
    this.channel = this.pc.createDataChannel(CHANNEL_LABEL, CHANNEL_OPTIONS);
    this.lossy = this.pc.createDataChannel(LOSSY_LABEL, LOSSY_OPTIONS);
  }

  /** One more channel, reliable and ordered; needs no negotiation of its own. */
  openChannel(label: string): RTCDataChannel {
    return this.pc.createDataChannel(label);
  }

  get link(): Link {
    return { from: this.id, to: this.remote };
  }

  get state(): PeerState {
    if (this.closed) return "closed";
    switch (this.pc.connectionState) {
      case "connected":
        return "connected";
      case "failed":
        if (this.recovery.tries >= 2) return "failed";
        break;
      case "closed":
        return "closed";
    }
    return this.wasConnected || this.replaces ? "reconnecting" : "connecting";
  }

  get unreachable(): boolean {
    return this.reach.unreachable;
  }

  /** This connection takes the place of another, which was there or found no way either. */
  follow(before: MeshPeer): void {
    this.replaces = before.wasConnected || before.replaces;
    if (before.unreachable) this.reach.assume();
  }

  // ------------------------------------------------------------------------------- sending

  /** Sends `track` as `source`; null keeps the source published and sends nothing. */
  async setTrack(
    source: Source,
    track: MediaStreamTrack | null,
    stream: MediaStream,
  ): Promise<void> {
    if (this.closed) return;
    const slot = this.slots.get(source);
    if (slot === undefined) {
      if (track !== null) this.slots.set(source, this.addSlot(source, track, stream));
      return;
    }
    if (!slot.active) {
      slot.active = true;
      slot.transceiver.direction =
        slot.transceiver.direction === "inactive" ? "sendonly" : "sendrecv";
      slot.sender.setStreams(stream);
    }
    try {
      await slot.sender.replaceTrack(track);
    } catch (error) {
      if (!this.closed) this.host.warn(this, "replace_track", error);
    }
  }

  removeTrack(source: Source): void {
    const slot = this.slots.get(source);
    if (this.closed || slot?.active !== true) return;
    slot.active = false;
    this.pc.removeTrack(slot.sender);
  }

  setBounds(bounds: ReadonlyMap<Source, Bounds>): void {
    this.bounds = bounds;
    this.applyAllBounds();
  }

  /** The other end needs these pictures no more, or not yet. */
  spare(spared: ReadonlySet<Source>): void {
    this.spared = spared;
    this.applyAllBounds();
  }

  private addSlot(source: Source, track: MediaStreamTrack, stream: MediaStream): Slot {
    // addTrack takes over any sender of this kind that is empty and has never sent: it could be
    // the one of a camera that was muted before its first negotiation.
    const taken = [...this.slots.values()].some(
      ({ sender, transceiver }) =>
        sender.track === null && transceiver.receiver.track.kind === track.kind,
    );
    const sender = taken
      ? this.pc.addTransceiver(track, { direction: "sendrecv", streams: [stream] }).sender
      : this.pc.addTrack(track, stream);
    const transceiver = this.pc.getTransceivers().find((each) => each.sender === sender);
    if (transceiver === undefined) throw new Error("a sender without a transceiver");
    if (source === "screen_share") preferScreenCodec(transceiver);
    return { sender, transceiver, active: true };
  }

  private applyAllBounds(): void {
    if (this.closed) return;
    for (const [source, slot] of this.slots) {
      const bounds = this.bounds.get(source);
      if (!slot.active || bounds === undefined) continue;
      void applyBounds(slot.sender, bounds, !this.spared.has(source));
    }
  }

  // --------------------------------------------------------------------------- negotiation

  private listen(): void {
    const { pc } = this;
    pc.onnegotiationneeded = () => {
      if (this.holding === undefined) void this.offer();
      else this.neededWhileHolding = true;
    };
    pc.onicecandidate = ({ candidate }) => {
      this.gathered = true;
      if (candidate?.candidate === "") return; // Firefox's end of one generation; null follows.
      if (candidate && !this.telling.isWorth(candidate)) return;
      this.tally.candidate("sent", candidate?.candidate);
      this.host.signal(this, { kind: "candidate", data: candidate?.toJSON() ?? null });
    };
    pc.ondatachannel = ({ channel }) => this.host.channelCame(this, channel);
    pc.ontrack = ({ track }) => {
      // Silent and black until the room was asked: see `settle`.
      track.enabled = false;
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "connected") {
        if (this.wasConnected) this.showAnew();
        this.wasConnected = true;
        this.watchPath();
        this.applyAllBounds();
      }
      if (pc.connectionState === "disconnected" || pc.connectionState === "failed") {
        this.host.doubt();
      }
      this.recovery.onState(pc.connectionState);
      this.reach.onState(pc.connectionState);
      this.host.stateChanged(this);
    };
  }

  /** Ends the wait for the other's offer; makes our own where one was due. */
  private release(offer: boolean): void {
    clearTimeout(this.holding);
    this.holding = undefined;
    if (offer && this.neededWhileHolding && this.pc.signalingState === "stable") void this.offer();
    this.neededWhileHolding = false;
  }

  private async offer(): Promise<void> {
    this.makingOffer = true;
    try {
      await this.pc.setLocalDescription();
      this.describe();
    } catch (error) {
      if (!this.closed) this.host.warn(this, "offer", error);
    } finally {
      this.makingOffer = false;
    }
  }

  private describe(): void {
    const description = this.pc.localDescription;
    if (this.closed || description === null) return;
    this.tally.description("sent", description.type);
    this.host.signal(this, {
      kind: "description",
      data: { type: description.type, sdp: description.sdp, sources: this.sends() },
    });
  }

  private sends(): Record<string, Source> {
    const sources: Record<string, Source> = {};
    for (const [source, { transceiver, active }] of this.slots) {
      if (active && transceiver.mid !== null) sources[transceiver.mid] = source;
    }
    return sources;
  }

  /** Handles the other's signals one after the other. */
  handle(signal: Signal): void {
    this.turn = this.turn.then(async () => {
      if (this.successor !== null) this.successor.handle(signal);
      if (this.closed) return;
      if (signal.kind === "candidate") await this.candidate(signal.data);
      else await this.description(signal.data);
    });
  }

  private async description(data: DescriptionData): Promise<void> {
    const { pc } = this;
    const verdict = judgeDescription(data.type, {
      polite: this.polite,
      makingOffer: this.makingOffer,
      signalingState: pc.signalingState,
    });
    const crossed = this.makingOffer || pc.signalingState === "have-local-offer";
    if (verdict === "apply" && data.type === "offer" && crossed && !pc.currentLocalDescription) {
      this.successor = this.host.startOver(this);
      this.successor.handle({ kind: "description", data });
      return;
    }
    this.tally.description("received", data.type);
    this.ignoring = verdict === "ignore";
    if (verdict === "ignore") this.tally.ignored();
    if (verdict !== "apply") return;
    this.release(false);
    // What was gathered for an offer that is rolled back now does not count.
    if (pc.signalingState === "have-local-offer" && data.type === "offer") this.gathered = false;
    if (data.type === "offer" && restartsIce(pc.currentRemoteDescription?.sdp, data.sdp)) {
      this.recovery.onRemoteRestart();
    }
    try {
      await pc.setRemoteDescription({ type: data.type, sdp: askForOpusDtx(data.sdp) });
      if (this.closed) return;
      this.receives = data.sources;
      if (data.type === "offer") {
        this.preferCodecs();
        await pc.setLocalDescription();
        this.describe();
        this.watchGathering();
      }
    } catch (error) {
      if (this.closed) return;
      this.host.warn(this, "description", error);
      this.host.rebuild(this);
      return;
    }
    this.settle();
  }

  private watchGathering(): void {
    clearTimeout(this.gathering);
    if (this.gathered || this.closed) return;
    this.gathering = setTimeout(() => {
      if (!this.gathered && !this.wasConnected) this.host.rebuild(this);
    }, GATHERING_MS);
  }

  private preferCodecs(): void {
    for (const transceiver of this.pc.getTransceivers()) {
      const source = transceiver.mid === null ? undefined : this.receives[transceiver.mid];
      if (source === "screen_share" && transceiver.currentDirection === null) {
        preferScreenCodec(transceiver);
      }
    }
  }

  private async candidate(data: RTCIceCandidateInit | null): Promise<void> {
    this.candidates += 1;
    if (this.candidates > CANDIDATE_LIMIT) return;
    this.tally.candidate("received", data?.candidate);
    try {
      await this.pc.addIceCandidate(data ?? undefined);
    } catch (error) {
      if (!this.closed && !this.ignoring) this.host.warn(this, "candidate", error);
    }
  }

  // ----------------------------------------------------------------------------- receiving

  /** After each negotiation: what arrives now, by what the other says that it sends. */
  private settle(): void {
    if (this.closed || this.pc.signalingState !== "stable") return;
    const arriving = new Map<Source, MediaStreamTrack>();
    for (const { mid, currentDirection, receiver } of this.pc.getTransceivers()) {
      const source = mid === null ? undefined : this.receives[mid];
      const receiving = currentDirection === "sendrecv" || currentDirection === "recvonly";
      if (source === undefined || !receiving || arriving.has(source)) continue;
      if (receiver.track.kind === kindOf(source)) arriving.set(source, receiver.track);
    }
    for (const [source, { track }] of this.arrivals) {
      if (arriving.get(source) === track) continue;
      this.arrivals.delete(source);
      track.enabled = false;
      this.host.gone(this, source);
    }
    for (const [source, track] of arriving) {
      if (this.arrivals.has(source)) continue;
      const stream = new MediaStream([track]);
      this.arrivals.set(source, { track, stream });
      this.host.received(this, source, track, stream);
    }
    this.host.settled(this, new Set(arriving.keys()));
    this.applyAllBounds();
  }

  private watchPath(): void {
    void this.readPath(PATH_LOOKS);
    const ice = this.pc.sctp?.transport.iceTransport;
    if (ice !== undefined) {
      ice.onselectedcandidatepairchange = () => {
        this.showAnew();
        void this.readPath(PATH_LOOKS);
      };
    }
  }

  /** The other end may have missed the pictures that those of now build upon. */
  private showAnew(): void {
    for (const { sender, active } of this.slots.values()) if (active) void sendWholePicture(sender);
  }

  private async readPath(looks: number): Promise<void> {
    const report = await this.reports.ask();
    if (report === null || this.closed) return;
    this.path = pathOf(report as unknown as StatsMap);
    this.host.stateChanged(this);
    // Statistics are cached for a moment, and may be those of before the pair was chosen.
    clearTimeout(this.looking);
    if (looks > 1) this.looking = setTimeout(() => void this.readPath(looks - 1), PATH_LOOK_MS);
  }

  // -------------------------------------------------------------------------------- upkeep

  /** To be called a few times a second: looks whether anything still arrives. */
  look(now_ms: number): void {
    if (!this.closed) this.silence.look(now_ms);
  }

  private lastHeard(): number | null {
    let newest: number | null = null;
    for (const { track } of this.arrivals.values()) {
      const receiver = this.pc.getReceivers().find((one) => one.track === track);
      for (const { timestamp } of receiver?.getSynchronizationSources() ?? []) {
        newest = Math.max(newest ?? 0, timestamp);
      }
    }
    return newest;
  }

  /** A share may stand still for long; sound and a face do not. */
  private expects(): boolean {
    return (["microphone", "camera"] as const).some(
      (source) =>
        this.arrivals.get(source)?.track.enabled === true && this.host.wants(this, source),
    );
  }

  onNetworkChange(): void {
    this.recovery.onNetworkChange();
  }

  onReachable(): void {
    if (this.silence.doubtful) this.recovery.onSilence();
    this.recovery.onReachable();
  }

  restartIce(): void {
    if (this.closed) return;
    this.tally.iceRestart();
    this.pc.restartIce();
  }

  setIceServers(iceServers: readonly RTCIceServer[]): void {
    this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers: [...iceServers] });
  }

  receiverOf(source: Source): RTCRtpReceiver | null {
    const track = this.arrivals.get(source)?.track;
    return this.pc.getReceivers().find((receiver) => receiver.track === track) ?? null;
  }

  async peerStats(sid: string): Promise<PeerStats> {
    return {
      identity: this.identity,
      sid,
      state: this.state,
      polite: this.polite,
      signaling_state: this.pc.signalingState,
      ice_state: this.pc.iceConnectionState,
      negotiation: this.tally.read(),
      sends: this.sends(),
      receives: this.receives,
      camera_most_bps: mostOf(this.slots.get("camera")?.sender),
      report: await this.reports.ask(),
    };
  }

  close(): void {
    if (this.closed) return;
    this.retire();
    for (const source of this.arrivals.keys()) this.host.gone(this, source);
    this.end();
  }

  /** Another connection takes the place of this one: only the last pictures stay, until `end`. */
  retire(): void {
    this.closed = true;
    clearTimeout(this.holding);
    clearTimeout(this.looking);
    clearTimeout(this.gathering);
    this.recovery.close();
    this.reach.close();
    this.reports.close();
    const { pc } = this;
    pc.onnegotiationneeded = pc.onicecandidate = pc.ontrack = pc.onconnectionstatechange = null;
    pc.ondatachannel = null;
    const ice = pc.sctp?.transport.iceTransport;
    if (ice !== undefined) ice.onselectedcandidatepairchange = null;
    for (const { sender } of this.slots.values()) void sender.replaceTrack(null).catch(() => null);
    this.slots.clear();
  }

  end(): void {
    for (const { track } of this.arrivals.values()) track.enabled = false;
    this.arrivals.clear();
    this.pc.close();
  }
}

/** crypto.randomUUID() is missing on insecure pages, where one can still listen. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}
