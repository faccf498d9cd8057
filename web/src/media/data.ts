/**
 * One reliable, ordered data channel to each participant, for small JSON messages: chat while the
 * server is away. Who said it is decided by the connection it came through.
 *
 * Source: W3C WebRTC 1.0 section 6 (`negotiated`), RFC 8831.
 */
import { DATA_LIMIT_BYTES, MediaError, type DataPort, type Delivery } from "./session";

/** Both ends make the channel themselves, so none is ever opened by the other's wish. */
export const CHANNEL_LABEL = "moim";
export const CHANNEL_OPTIONS: RTCDataChannelInit = { negotiated: true, id: 0, ordered: true };

/** Beyond this much unsent, messages queue here; beyond the queue, the sender is told. */
const BUFFER_HIGH_BYTES = 64 * 1024;
const BUFFER_LOW_BYTES = 16 * 1024;
const QUEUE_LIMIT = 64;
/** What a participant may say: bursts of a hundred, then twenty a second. */
const RECEIVE_BURST = 100;
const RECEIVE_PER_S = 20;

interface Line {
  readonly channel: RTCDataChannel;
  readonly queue: string[];
  tokens: number;
  refilled_ms: number;
}

type Receiver = (from: string, payload: unknown) => void;

export class DataChannels implements DataPort {
  private readonly lines = new Map<string, Line>();
  private readonly receivers = new Map<string, Set<Receiver>>();

  constructor(private readonly onopen: (identity: string) => void) {}

  attach(identity: string, channel: RTCDataChannel): void {
    this.detach(identity);
    const line: Line = {
      channel,
      queue: [],
      tokens: RECEIVE_BURST,
      refilled_ms: performance.now(),
    };
    this.lines.set(identity, line);
    channel.bufferedAmountLowThreshold = BUFFER_LOW_BYTES;
    channel.onbufferedamountlow = () => flush(line);
    channel.onopen = () => this.onopen(identity);
    channel.onclose = () => this.onopen(identity);
    channel.onmessage = (event: MessageEvent<unknown>) => this.received(identity, line, event.data);
  }

  detach(identity: string): void {
    const line = this.lines.get(identity);
    if (line === undefined) return;
    const { channel } = line;
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

  private received(from: string, line: Line, data: unknown): void {
    if (typeof data !== "string" || data.length > DATA_LIMIT_BYTES || !allowed(line)) return;
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message !== "object" || message === null || !("topic" in message)) return;
    if (typeof message.topic !== "string") return;
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
function allowed(line: Line): boolean {
  const now_ms = performance.now();
  line.tokens = Math.min(
    RECEIVE_BURST,
    line.tokens + ((now_ms - line.refilled_ms) / 1000) * RECEIVE_PER_S,
  );
  line.refilled_ms = now_ms;
  if (line.tokens < 1) return false;
  line.tokens -= 1;
  return true;
}
