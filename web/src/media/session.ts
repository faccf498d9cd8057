/**
 * What the meeting asks of its media, whatever carries it: `mesh.ts` or `sfu.ts`.
 *
 * A track is keyed by (identity, source), so it survives a reconnect and a change of plane.
 * The room decides who is present and what may be played; a session is told by
 * `setParticipants`, and believes no remote browser about either.
 */
import type { Listenable } from "./events";
import type { Ease } from "./strain";

export const SOURCES = ["microphone", "camera", "screen_share", "screen_share_audio"] as const;
export type Source = (typeof SOURCES)[number];

export const isSource = (value: unknown): value is Source =>
  (SOURCES as readonly unknown[]).includes(value);

export const kindOf = (source: Source): "audio" | "video" =>
  source === "microphone" || source === "screen_share_audio" ? "audio" : "video";

/** Names a source of somebody in a map. */
export const keyOf = (identity: string, source: Source): string => `${identity} ${source}`;

/** What a shared screen is for: sharp letters or smooth movement. */
export type ShareMode = "text" | "motion";

// -------------------------------------------------------------------------------- signals

export interface DescriptionData {
  readonly type: RTCSdpType;
  readonly sdp: string;
  /** What the sender of this description sends on each of its transceivers, by mid. */
  readonly sources: Readonly<Record<string, Source>>;
}

export type Signal =
  | { readonly kind: "description"; readonly data: DescriptionData }
  | { readonly kind: "candidate"; readonly data: RTCIceCandidateInit | null };

/**
 * The two ends of one connection attempt. Each RTCPeerConnection has a random id of its own,
 * so a reloaded page or a rebuilt connection is told from the one before it, while a page whose
 * socket reconnected (new sid, same RTCPeerConnection) keeps its media.
 */
export interface Link {
  readonly from: string;
  /** null until the other end's id is known: "whatever you have, this is a new attempt". */
  readonly to: string | null;
}

/** How signals reach another participant: exactly once and in order for each `link.from`. */
export interface SignalPort {
  /** Our own identity. */
  readonly self: string;
  send(to: string, link: Link, signal: Signal): void;
  onsignal: ((from: string, link: Link, signal: Signal) => void) | null;
  /** False for whom the room does not list: their signals are neither handled nor acknowledged. */
  accepts: (from: string) => boolean;
  /** Signals to this identity that it has not acknowledged yet. */
  pending(identity: string): number;
  /** Whether there is a way to anybody: false while the server is known to be away. */
  readonly reachable: boolean;
  /** Called when there is a way again. */
  onreachable: (() => void) | null;
  /** Says that the way may be broken, so that it is tried now and not when it is noticed. */
  doubt(): void;
  /** The room gave the call that goes on another number. */
  setEpoch?(epoch: number): void;
  /** Stops resending to this identity, and forgets what came from it. */
  forget(identity: string, link?: string): void;
}

// ------------------------------------------------------------------------- who and what

/** A participant as the room lists it. */
export interface Listed {
  readonly identity: string;
  readonly sid: string;
  /**
   * What the room says is published and not muted: the sources that may be played here.
   * Left out: `allow` decides, and nothing is allowed until it was called.
   */
  readonly allowed?: readonly Source[];
  /** Whether the room lets them send data; left out, it does. */
  readonly data?: boolean;
  /** What somebody who came with a LiveKit client is called on the SFU. */
  readonly livekit?: string | null;
}

/** How large a picture is shown, in pixels of the screen. */
export type TileSize = { readonly width: number; readonly height: number } | "hidden";

export interface PublishOptions {
  /**
   * Left out, a source stays as muted as it was (a first publication is not muted):
   * a changed device or a reconnect never raises the media state.
   */
  readonly muted?: boolean;
  /** screen_share only; `text` unless said. */
  readonly mode?: ShareMode;
  /** Upper bounds for one receiver; the session lowers them as the room grows. */
  readonly maxBitrate_bps?: number;
  readonly maxFramerate?: number;
}

/** What we send. `track` is null while a camera is muted: its device is released. */
export interface LocalTrack {
  readonly source: Source;
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
  readonly mode: ShareMode | null;
}

/** What another participant sends us. The `track` is silent and black while not `allowed`. */
export interface RemoteTrack {
  readonly identity: string;
  readonly source: Source;
  readonly track: MediaStreamTrack;
  /** For `srcObject`: holds this track alone, and is the same object for the track's life. */
  readonly stream: MediaStream;
  readonly allowed: boolean;
}

export type PeerState = "connecting" | "connected" | "reconnecting" | "failed" | "closed";

/** How packets reach a participant, from the selected candidate pair. */
export interface Path {
  /** The worse of the two ends: relay > prflx > srflx > host. */
  readonly type: RTCIceCandidateType;
  readonly direct: boolean;
  /** Both ends are in one network: no packet takes the internet. */
  readonly near: boolean;
  readonly protocol: "udp" | "tcp";
  /** How we reach our relay, where there is one. */
  readonly relay_protocol: "udp" | "tcp" | "tls" | null;
}

export interface Peer {
  readonly identity: string;
  readonly sid: string;
  readonly state: PeerState;
  readonly path: Path | null;
  /** True once the data channel to this participant is open. */
  readonly data: boolean;
  /**
   * Both are there and hear each other through the server, but no packet has found a way between
   * their networks for a while. False again when one does.
   */
  readonly unreachable: boolean;
}

export interface SessionEvents {
  track: { readonly change: "added" | "changed" | "removed"; readonly track: RemoteTrack };
  peer: Peer;
  /**
   * Our own publication changed. `ended` means that the browser or the device ended it: a share
   * stopped from the browser's own bar, a camera unplugged, a phone call on iOS.
   */
  local: { readonly source: Source; readonly local: LocalTrack | null; readonly ended: boolean };
  /** Not for the user: something that a peer did wrong or that was recovered from. */
  warning: { readonly identity: string | null; readonly code: string; readonly detail: string };
}

// ----------------------------------------------------------------------------------- data

export interface Delivery {
  /** Identities whose channel took the message (sent or queued behind back-pressure). */
  readonly sent: readonly string[];
  readonly refused: Readonly<Record<string, "closed" | "congested">>;
}

/** Bytes in order to one participant. */
export interface ByteSink {
  readonly to: string;
  readonly open: boolean;
  /** How many bytes the other end has put away. */
  readonly taken: number;
  /**
   * Resolves once the next piece may be given: what is on its way stays bounded.
   * @throws MediaError `closed` when the way is gone, or when the other end wants no more.
   */
  write(piece: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends it with a word of ours; resolves once the other end has everything. @throws MediaError */
  finish(last: unknown): Promise<void>;
  abort(): void;
}

/** Bytes in order from one participant. */
export interface ByteSource {
  /** Whose connection it came through. */
  readonly from: string;
  /** What the sender said first: anything at all. */
  readonly head: unknown;
  onpiece: ((piece: ArrayBuffer) => void) | null;
  onlast: ((last: unknown) => void) | null;
  onlost: (() => void) | null;
  /** So many bytes were put away: their sender may give as many again. */
  take(bytes: number): void;
  /** Everything is here: tells the sender. */
  done(): void;
  abort(): void;
}

/** Straight to the others: messages, messages that may be lost, and streams of bytes. */
export interface DataPort {
  /** @throws MediaError `message_too_long` above `DATA_LIMIT_BYTES`. */
  send(topic: string, payload: unknown, to?: readonly string[]): Delivery;
  /**
   * Now or never: what is lost or late on the way is not sent again, and order is not kept.
   * Arrives as what `send` gives. @throws MediaError `message_too_long` above `LOSSY_LIMIT_BYTES`.
   */
  sendLossy(topic: string, payload: unknown, to?: readonly string[]): Delivery;
  /** @throws MediaError `closed` when there is no way to them now. */
  openStream(topic: string, to: string, head: unknown): ByteSink;
  /** One handler a topic; false refuses the stream. */
  onStream(topic: string, handler: (source: ByteSource) => boolean): () => void;
  /** `from` is whose connection it came through, never what the message says. */
  on(topic: string, handler: (from: string, payload: unknown) => void): () => void;
  /** Identities with an open channel. */
  reachable(): readonly string[];
}

/** What a game or a cursor needs of a plane: packets that are worth nothing when they are late. */
export type PacketPort = Pick<DataPort, "sendLossy" | "on">;

/** One packet on every path, so that losing one loses one message. Source: RFC 8831 section 5. */
export const LOSSY_LIMIT_BYTES = 1_000;

/** Every browser takes 16 KiB in one message. Source: RFC 8831 section 6.6. */
export const DATA_LIMIT_BYTES = 16 * 1024;

// ---------------------------------------------------------------------------------- stats

/** What was exchanged to build a connection, for the "behind the scenes" panel. */
export interface Negotiation {
  readonly offers_sent: number;
  readonly offers_received: number;
  readonly answers_sent: number;
  readonly answers_received: number;
  readonly offers_ignored: number;
  readonly ice_restarts: number;
  readonly candidates_sent: Readonly<Record<string, number>>;
  readonly candidates_received: Readonly<Record<string, number>>;
}

/** One peer's raw figures; `quality.ts` makes sense of them. */
export interface PeerStats {
  readonly identity: string;
  readonly sid: string;
  readonly state: PeerState;
  readonly polite: boolean;
  readonly signaling_state: RTCSignalingState;
  readonly ice_state: RTCIceConnectionState;
  readonly negotiation: Negotiation;
  /** Source by mid, for each direction. */
  readonly sends: Readonly<Record<string, Source>>;
  readonly receives: Readonly<Record<string, Source>>;
  /** What our camera may take here at most, as its encoder was told; null where that is nothing. */
  readonly camera_most_bps: number | null;
  /** null where the connection was closed under the call. */
  readonly report: RTCStatsReport | null;
}

// -------------------------------------------------------------------------------- session

export interface MediaSession extends Listenable<SessionEvents> {
  readonly data: DataPort;
  /**
   * Sends `track` as `source`, or replaces the track that was sent before, without renegotiation.
   * The session owns the track from here: it stops it when replaced, unpublished or closed.
   */
  publish(source: Source, track: MediaStreamTrack, options?: PublishOptions): Promise<void>;
  unpublish(source: Source): Promise<void>;
  /**
   * A muted microphone is silent before this returns; it stays captured, so that "you are
   * talking while muted" can be said. A muted camera's device is stopped (its light goes out);
   * to turn it on again, `publish` a new track with `muted: false`.
   * @throws MediaError `not_published`; `track_needed` for a camera to be turned on.
   */
  setMuted(source: Source, muted: boolean): Promise<void>;
  setShareMode(mode: ShareMode): void;
  /** So many steps less of the camera, because the machine or the line does not bear it. */
  ease(ease: Ease): void;
  local(source: Source): LocalTrack | null;

  /** The others in the room, without ourselves. Whoever is not listed is torn down at once. */
  setParticipants(participants: readonly Listed[]): void;
  /** Whether the room lets this source be heard or seen here. */
  allow(identity: string, source: Source, on: boolean): void;
  remoteTracks(): readonly RemoteTrack[];
  /** How loud what was just played of this source is, 0..1; null when nothing arrives. */
  audioLevel(identity: string, source: Source): number | null;
  /** When something of this source was decoded and played last, on `performance.now`'s clock. */
  played(identity: string, source: Source): number | null;
  /** How large a picture is shown: a plane that can sends no more than that. */
  show(identity: string, source: Source, size: TileSize): void;
  /** Whether all that we publish is on its way. */
  readonly isSending: boolean;
  peers(): readonly Peer[];

  /** Looks for a new network path to everyone, or to one; seats and tracks stay. */
  restartIce(identity?: string): void;
  setIceServers(servers: readonly RTCIceServer[]): void;
  stats(): Promise<readonly PeerStats[]>;
  /** Leaves the call and stops our tracks, unless they move on to another session. */
  close(options?: { readonly keepTracks?: boolean }): void;
}

export type MediaErrorCode =
  "closed" | "not_published" | "track_needed" | "wrong_kind" | "message_too_long";

/** Refusals of this folder; `code` is API, the message is for developers. */
export class MediaError extends Error {
  override readonly name = "MediaError";
  constructor(
    readonly code: MediaErrorCode,
    message: string = code,
  ) {
    super(message);
  }
}
