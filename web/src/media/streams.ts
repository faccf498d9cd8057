/**
 * Bytes to one participant, in order and however many: a data channel of its own for each stream,
 * so that one that waits holds up no other.
 *
 * On the channel: the first message is `{topic, head}`, then come the bytes, and `{last}` ends
 * them. The receiver says `{taken}`, how many bytes it has put away, and `{done: true}` at the end.
 * What was sent and is not put away stays below a window: neither end's memory grows with the
 * stream, however slow the other's disk is.
 *
 * Source: W3C WebRTC 1.0 section 6 (`bufferedAmountLowThreshold`), RFC 8831 section 6.6.
 */
import { MediaError, type ByteSink, type ByteSource } from "./session";

export const STREAM_LABEL = "moim.bytes";
/** Larger messages are hardly faster, and a short one is hardly ever in another's way. */
const MESSAGE_BYTES = 64 * 1024;
const BUFFER_HIGH_BYTES = 1024 * 1024;
const BUFFER_LOW_BYTES = 256 * 1024;
const WINDOW_BYTES = 12 * 1024 * 1024;
const TAKEN_EVERY_BYTES = 512 * 1024;
/** `{topic, head}` and `{last}`. */
const TEXT_LIMIT = 4 * 1024;

export class Sink implements ByteSink {
  private sent_bytes = 0;
  private taken_bytes = 0;
  private isDone = false;
  private isClosed = false;
  private wake: (() => void) | null = null;

  constructor(
    readonly to: string,
    private readonly channel: RTCDataChannel,
    opening: { readonly topic: string; readonly head: unknown },
    private readonly ended: () => void,
    private readonly window_bytes = WINDOW_BYTES,
  ) {
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = BUFFER_LOW_BYTES;
    channel.onopen = () => {
      channel.send(JSON.stringify(opening));
      this.wake?.();
    };
    channel.onbufferedamountlow = () => this.wake?.();
    channel.onclose = () => this.lose();
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.heard(data);
  }

  get open(): boolean {
    return !this.isClosed;
  }

  get taken(): number {
    return this.taken_bytes;
  }

  async write(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < piece.length; at += MESSAGE_BYTES) {
      await this.until(() => this.mayGo);
      const message = piece.subarray(at, at + MESSAGE_BYTES);
      this.channel.send(message);
      this.sent_bytes += message.length;
    }
  }

  async finish(last: unknown): Promise<void> {
    await this.until(() => this.mayGo);
    this.channel.send(JSON.stringify({ last }));
    await this.until(() => this.isDone);
    this.abort();
  }

  abort(): void {
    this.lose();
    this.channel.close();
  }

  /** The connection under it is gone. */
  lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { channel } = this;
    channel.onopen = channel.onclose = channel.onmessage = channel.onbufferedamountlow = null;
    this.wake?.();
    this.ended();
  }

  private get mayGo(): boolean {
    return (
      this.channel.readyState === "open" &&
      this.channel.bufferedAmount < BUFFER_HIGH_BYTES &&
      this.sent_bytes - this.taken_bytes < this.window_bytes
    );
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed) throw new MediaError("closed");
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = null;
    }
  }

  private heard(data: unknown): void {
    const said = readText(data);
    const taken = said?.["taken"];
    if (typeof taken === "number" && taken <= this.sent_bytes) {
      this.taken_bytes = Math.max(this.taken_bytes, taken);
    }
    if (said?.["done"] === true) this.isDone = true;
    this.wake?.();
  }
}

export class Source implements ByteSource {
  onpiece: ((piece: ArrayBuffer) => void) | null = null;
  onlast: ((last: unknown) => void) | null = null;
  onlost: (() => void) | null = null;
  head: unknown = null;

  private came_bytes = 0;
  private taken_bytes = 0;
  private told_bytes = 0;
  private opened = false;
  private isClosed = false;

  constructor(
    readonly from: string,
    private readonly channel: RTCDataChannel,
    private readonly begun: (topic: string, source: Source) => boolean,
    private readonly ended: () => void,
  ) {
    channel.binaryType = "arraybuffer";
    channel.onclose = () => this.lose();
    channel.onmessage = ({ data }: MessageEvent<unknown>) => this.heard(data);
  }

  take(bytes: number): void {
    this.taken_bytes += bytes;
    const all = this.taken_bytes === this.came_bytes;
    if (this.taken_bytes - this.told_bytes < TAKEN_EVERY_BYTES && !all) return;
    this.told_bytes = this.taken_bytes;
    this.say({ taken: this.taken_bytes });
  }

  done(): void {
    this.onlost = null;
    this.say({ done: true });
  }

  abort(): void {
    this.lose();
    this.channel.close();
  }

  lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.channel.onclose = this.channel.onmessage = null;
    this.ended();
    this.onlost?.();
  }

  private heard(data: unknown): void {
    if (data instanceof ArrayBuffer && this.opened) {
      this.came_bytes += data.byteLength;
      // Who sends beyond the window fills our memory.
      if (this.came_bytes - this.taken_bytes > 2 * WINDOW_BYTES) this.abort();
      else this.onpiece?.(data);
      return;
    }
    const said = readText(data);
    if (!this.opened) {
      this.opened = true;
      this.head = said?.["head"] ?? null;
      const topic = said?.["topic"];
      if (typeof topic !== "string" || !this.begun(topic, this)) this.abort();
    } else if (said !== null && "last" in said) this.onlast?.(said["last"]);
  }

  private say(said: object): void {
    if (this.channel.readyState === "open") this.channel.send(JSON.stringify(said));
  }
}

function readText(data: unknown): Record<string, unknown> | null {
  if (typeof data !== "string" || data.length > TEXT_LIMIT) return null;
  try {
    const said: unknown = JSON.parse(data);
    return typeof said === "object" && said !== null ? (said as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
