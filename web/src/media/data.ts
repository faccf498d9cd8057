/**
 * The data channels to each participant: a reliable, ordered one for small JSON messages, one for
 * messages that may be lost, and one for each stream of bytes. Who said it is decided by the
 * connection it came through.
 *
 * Source: W3C WebRTC 1.0 section 6 (`negotiated`), RFC 8831.
 */
import {
  DATA_LIMIT_BYTES,
  LOSSY_LIMIT_BYTES,
  MediaError,
  type ByteSink,
  type ByteSource,
  type DataPort,
  type Delivery,
} from "./session";
import { Sink, Source, STREAM_LABEL } from "./streams";
import { WISH_TOPIC } from "./wishes";

/** Both ends make these channels themselves. */
export const CHANNEL_LABEL = "moim";
export const CHANNEL_OPTIONS: RTCDataChannelInit = { negotiated: true, id: 0, ordered: true };
export const LOSSY_LABEL = "moim.lossy";
export const LOSSY_OPTIONS: RTCDataChannelInit = {
  negotiated: true,
  id: 1,
  ordered: false,
  maxRetransmits: 0,
};

/** Beyond this much unsent, messages queue here; beyond the queue, the sender is told. */
const BUFFER_HIGH_BYTES = 64 * 1024;
const BUFFER_LOW_BYTES = 16 * 1024;
const QUEUE_LIMIT = 64;
/** What a participant may say: bursts of a hundred, then twenty a second. */
const RECEIVE_BURST = 100;
const RECEIVE_PER_S = 20;
/** Of what may be lost: two games at 30 a second. */
const LOSSY_BURST = 120;
const LOSSY_PER_S = 60;
/** What is late is worth nothing: beyond this much unsent, it is left out. */
const LOSSY_HIGH_BYTES = 8 * 1024;
/** Streams that one participant may have open towards us. */
const STREAMS_LIMIT = 8;

interface Bucket {
  tokens: number;
  refilled_ms: number;
  readonly burst: number;
  readonly per_s: number;
}

interface Line {
  readonly channel: RTCDataChannel;
  readonly more: MoreChannels | null;
  readonly queue: string[];
  readonly bucket: Bucket;
  readonly lossyBucket: Bucket;
  readonly sinks: Set<Sink>;
  readonly sources: Set<Source>;
}

/** What else leads to a participant. */
export interface MoreChannels {
  readonly lossy: RTCDataChannel;
  readonly open: (label: string) => RTCDataChannel;
  /** How much of a stream may be on its way, where that is less than two browsers bear. */
  readonly window_bytes?: number;
}

type Receiver = (from: string, payload: unknown) => void;
type StreamReceiver = (source: ByteSource) => boolean;

const bucket = (burst: number, per_s: number): Bucket => ({
  tokens: burst,
  refilled_ms: performance.now(),
  burst,
  per_s,
});

export class DataChannels implements DataPort {
  private readonly lines = new Map<string, Line>();
  private readonly silent = new Set<string>();
  private readonly receivers = new Map<string, Set<Receiver>>();
  private readonly streamReceivers = new Map<string, StreamReceiver>();

  constructor(private readonly onopen: (identity: string) => void) {}

  attach(identity: string, channel: RTCDataChannel, more: MoreChannels | null = null): void {
    this.detach(identity);
    const line: Line = {
      channel,
      more,
      queue: [],
      bucket: bucket(RECEIVE_BURST, RECEIVE_PER_S),
      lossyBucket: bucket(LOSSY_BURST, LOSSY_PER_S),
      sinks: new Set(),
      sources: new Set(),
    };
    this.lines.set(identity, line);
    channel.bufferedAmountLowThreshold = BUFFER_LOW_BYTES;
    channel.onbufferedamountlow = () => flush(line);
    channel.onopen = () => this.onopen(identity);
    channel.onclose = () => this.onopen(identity);
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      this.received(identity, line.bucket, DATA_LIMIT_BYTES, data);
    };
    if (more === null) return;
    more.lossy.onmessage = ({ data }: MessageEvent<unknown>) => {
      this.received(identity, line.lossyBucket, LOSSY_LIMIT_BYTES, data);
    };
  }

  /** A channel that the other end opened: a stream of bytes, or nothing that we know. */
  came(identity: string, channel: RTCDataChannel): void {
    const line = this.lines.get(identity);
    const unwanted = this.silent.has(identity) || channel.label !== STREAM_LABEL;
    if (unwanted || !line || line.sources.size >= STREAMS_LIMIT) {
      channel.close();
      return;
    }
    const source: Source = new Source(
      identity,
      channel,
      (topic, begun) => this.streamReceivers.get(topic)?.(begun) ?? false,
      () => line.sources.delete(source),
    );
    line.sources.add(source);
  }

  /** Whether anything is taken from them; what was on its way from and to them ends. */
  setSilent(identity: string, silent: boolean): void {
    if (!silent) this.silent.delete(identity);
    else if (!this.silent.has(identity)) {
      this.silent.add(identity);
      const line = this.lines.get(identity);
      for (const stream of [...(line?.sinks ?? []), ...(line?.sources ?? [])]) stream.abort();
    }
  }

  detach(identity: string): void {
    const line = this.lines.get(identity);
    if (line === undefined) return;
    for (const stream of [...line.sinks, ...line.sources]) stream.lose();
    const { channel, more } = line;
    if (more !== null) more.lossy.onmessage = null;
    channel.onopen = channel.onclose = channel.onmessage = channel.onbufferedamountlow = null;
    channel.close();
    this.lines.delete(identity);
  }

  send(topic: string, payload: unknown, to?: readonly string[]): Delivery {
    const text = JSON.stringify({ topic, payload });
    if (new TextEncoder().encode(text).length > DATA_LIMIT_BYTES) {
      throw new MediaError("message_too_long");
    }
    const sent: string[] = [];
    const refused: Record<string, "closed" | "congested"> = {};
    for (const identity of to ?? this.lines.keys()) {
      const line = this.lines.get(identity);
      if (line?.channel.readyState !== "open") {
        refused[identity] = "closed";
      } else if (line.queue.length >= QUEUE_LIMIT) {
        refused[identity] = "congested";
      } else {
        line.queue.push(text);
        flush(line);
        sent.push(identity);
      }
    }
    return { sent, refused };
  }

  sendLossy(topic: string, payload: unknown, to?: readonly string[]): Delivery {
    const text = JSON.stringify({ topic, payload });
    if (new TextEncoder().encode(text).length > LOSSY_LIMIT_BYTES) {
      throw new MediaError("message_too_long");
    }
    const sent: string[] = [];
    const refused: Record<string, "closed" | "congested"> = {};
    for (const identity of to ?? this.lines.keys()) {
      const lossy = this.lines.get(identity)?.more?.lossy;
      if (lossy?.readyState !== "open") refused[identity] = "closed";
      else if (lossy.bufferedAmount > LOSSY_HIGH_BYTES) refused[identity] = "congested";
      else {
        lossy.send(text);
        sent.push(identity);
      }
    }
    return { sent, refused };
  }

  openStream(topic: string, to: string, head: unknown): ByteSink {
    const line = this.lines.get(to);
    if (line?.channel.readyState !== "open" || !line.more) throw new MediaError("closed");
    const channel = line.more.open(STREAM_LABEL);
    const sink: Sink = new Sink(
      to,
      channel,
      { topic, head },
      () => line.sinks.delete(sink),
      line.more.window_bytes,
    );
    line.sinks.add(sink);
    return sink;
  }

  onStream(topic: string, handler: StreamReceiver): () => void {
    this.streamReceivers.set(topic, handler);
    return () => this.streamReceivers.delete(topic);
  }

  on(topic: string, handler: Receiver): () => void {
    let set = this.receivers.get(topic);
    if (set === undefined) this.receivers.set(topic, (set = new Set()));
    set.add(handler);
    return () => set.delete(handler);
  }

  reachable(): readonly string[] {
    return [...this.lines].flatMap(([identity, line]) =>
      line.channel.readyState === "open" ? [identity] : [],
    );
  }

  private received(from: string, bucket: Bucket, limit_bytes: number, data: unknown): void {
    if (typeof data !== "string" || data.length > limit_bytes || !allowed(bucket)) return;
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message !== "object" || message === null || !("topic" in message)) return;
    if (typeof message.topic !== "string") return;
    // Who may not write still says what they look at.
    if (this.silent.has(from) && message.topic !== WISH_TOPIC) return;
    const payload = "payload" in message ? message.payload : null;
    for (const receive of [...(this.receivers.get(message.topic) ?? [])]) {
      try {
        receive(from, payload);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

function flush(line: Line): void {
  while (line.channel.readyState === "open" && line.channel.bufferedAmount < BUFFER_HIGH_BYTES) {
    const text = line.queue.shift();
    if (text === undefined) return;
    try {
      line.channel.send(text);
    } catch {
      line.queue.unshift(text); // Its buffer is full after all: wait for "bufferedamountlow".
      return;
    }
  }
}

/** A token bucket: who floods is not heard, and costs nothing. */
function allowed(bucket: Bucket): boolean {
  const now_ms = performance.now();
  bucket.tokens = Math.min(
    bucket.burst,
    bucket.tokens + ((now_ms - bucket.refilled_ms) / 1000) * bucket.per_s,
  );
  bucket.refilled_ms = now_ms;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}
