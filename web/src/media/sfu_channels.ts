/**
 * Data channels to one participant each, over the packets of an SFU: what `data.ts` and
 * `streams.ts` use of an RTCDataChannel, so that both planes carry the same messages.
 *
 * On the wire: messages of the topic `moim` and, of those that may be lost, `moim.lossy`, are as on
 * the mesh. A packet of the topic `moim.bytes` belongs to a stream: one byte of what it is (0 text,
 * 1 bytes, 2 the end), one of which end opened the stream (0 the sender, 1 the receiver), four of
 * the stream's number, then what it holds.
 */
import { CHANNEL_LABEL, LOSSY_LABEL } from "./data";
import { STREAM_LABEL } from "./streams";

/** How a packet leaves: `lossy` is now or never. Resolves when the browser has taken it. */
export type SendPacket = (
  to: string,
  topic: string,
  data: Uint8Array<ArrayBuffer>,
  lossy: boolean,
) => Promise<void>;

/** Every client takes packets of this size; their headers come on top. */
const PIECE_BYTES = 14 * 1024;
const HEAD_BYTES = 6;
const TEXT = 0;
const BYTES = 1;
const END = 2;

type Frame = string | ArrayBuffer;

/** The part of an RTCDataChannel that is used here. */
export class SfuChannel {
  readyState: RTCDataChannelState = "open";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  binaryType: BinaryType = "arraybuffer";
  onmessage: ((event: MessageEvent<unknown>) => void) | null = null;
  onclose: (() => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;
  private opened: (() => void) | null = null;

  constructor(
    readonly label: string,
    private readonly put: (data: string | Uint8Array<ArrayBuffer> | null) => Promise<void>,
    private readonly gone: () => void,
  ) {}

  /** It is open from the beginning: who wants to know hears so at once. */
  set onopen(handler: (() => void) | null) {
    this.opened = handler;
    if (handler !== null && this.readyState === "open") {
      queueMicrotask(() => {
        if (this.opened === handler && this.readyState === "open") handler();
      });
    }
  }

  get onopen(): (() => void) | null {
    return this.opened;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== "open") throw new DOMException("closed", "InvalidStateError");
    const size = data.length;
    this.bufferedAmount += size;
    void this.put(data)
      .catch(() => undefined)
      .then(() => {
        const before = this.bufferedAmount;
        this.bufferedAmount -= size;
        const low = this.bufferedAmountLowThreshold;
        if (before > low && this.bufferedAmount <= low) this.onbufferedamountlow?.();
      });
  }

  close(): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    void this.put(null).catch(() => undefined);
    this.gone();
  }

  received(data: Frame): void {
    if (this.readyState === "open") this.onmessage?.(new MessageEvent("message", { data }));
  }

  /** The other end closed it, or is gone. */
  lose(): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.gone();
    this.onclose?.();
  }

  asChannel(): RTCDataChannel {
    return this as unknown as RTCDataChannel;
  }
}

/** All channels to one participant. */
export class SfuChannels {
  readonly reliable: SfuChannel;
  readonly lossy: SfuChannel;
  private readonly ours = new Map<number, SfuChannel>();
  private readonly theirs = new Map<number, SfuChannel>();
  private number = 0;

  constructor(
    private readonly to: string,
    private readonly packet: SendPacket,
    private readonly came: (channel: RTCDataChannel) => void,
  ) {
    this.reliable = this.plain(CHANNEL_LABEL, false);
    this.lossy = this.plain(LOSSY_LABEL, true);
  }

  open(): RTCDataChannel {
    const number = ++this.number;
    const channel = this.stream(number, 0, this.ours);
    return channel.asChannel();
  }

  /** A packet from them. */
  received(topic: string, data: Uint8Array): void {
    if (topic === CHANNEL_LABEL) this.reliable.received(textOf(data));
    else if (topic === LOSSY_LABEL) this.lossy.received(textOf(data));
    else if (topic === STREAM_LABEL) this.streamed(data);
  }

  close(): void {
    for (const channel of [this.reliable, this.lossy]) channel.lose();
    for (const channel of [...this.ours.values(), ...this.theirs.values()]) channel.lose();
  }

  private plain(label: string, lossy: boolean): SfuChannel {
    const put = async (data: string | Uint8Array<ArrayBuffer> | null): Promise<void> => {
      if (data !== null) await this.packet(this.to, label, bytesOf(data), lossy);
    };
    return new SfuChannel(label, put, () => undefined);
  }

  private stream(number: number, opener: 0 | 1, all: Map<number, SfuChannel>): SfuChannel {
    const put = async (data: string | Uint8Array<ArrayBuffer> | null): Promise<void> => {
      const kind = data === null ? END : typeof data === "string" ? TEXT : BYTES;
      const bytes = data === null ? new Uint8Array() : bytesOf(data);
      const sent: Promise<void>[] = [];
      let at = 0;
      // All at once, so that nothing that is sent later comes between the pieces.
      do {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        const packet = new Uint8Array(HEAD_BYTES + piece.length);
        packet[0] = kind;
        packet[1] = opener;
        new DataView(packet.buffer).setUint32(2, number);
        packet.set(piece, HEAD_BYTES);
        sent.push(this.packet(this.to, STREAM_LABEL, packet, false));
        at += PIECE_BYTES;
      } while (at < bytes.length);
      try {
        await Promise.all(sent);
      } catch {
        channel.lose(); // A stream with a hole is none: it is begun anew.
      }
    };
    const channel = new SfuChannel(STREAM_LABEL, put, () => all.delete(number));
    all.set(number, channel);
    return channel;
  }

  private streamed(data: Uint8Array): void {
    if (data.length < HEAD_BYTES) return;
    const [kind, opener] = data;
    const number = new DataView(data.buffer, data.byteOffset).getUint32(2);
    const all = opener === 0 ? this.theirs : this.ours;
    let channel = all.get(number);
    if (kind === END) {
      channel?.lose();
      return;
    }
    if (channel === undefined) {
      // Only its opener begins a stream, and with a text; the rest is of one that is gone.
      if (opener !== 0 || kind !== TEXT) return;
      channel = this.stream(number, 1, this.theirs);
      this.came(channel.asChannel());
    }
    const rest = data.slice(HEAD_BYTES);
    channel.received(kind === TEXT ? textOf(rest) : rest.buffer);
  }
}

const bytesOf = (data: string | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  typeof data === "string" ? new TextEncoder().encode(data) : data;
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);
