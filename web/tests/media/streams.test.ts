import { describe, expect, test } from "vitest";
import { DataChannels } from "../../src/media/data";
import { STREAM_LABEL } from "../../src/media/streams";
import type { ByteSource } from "../../src/media/session";

const MIB = 1024 * 1024;

/** One end of a channel; what it sends arrives at the other when the test says so. */
class FakeChannel {
  readyState: RTCDataChannelState = "open";
  bufferedAmount = 0;
  label = STREAM_LABEL;
  other: FakeChannel | null = null;
  readonly sent: (string | ArrayBuffer)[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;

  send(data: string | Uint8Array): void {
    this.sent.push(typeof data === "string" ? data : data.slice().buffer);
  }
  /** Everything that was sent comes to the other end. */
  arrive(): void {
    for (const data of this.sent.splice(0)) this.other?.onmessage?.({ data });
  }
  close(): void {
    this.readyState = "closed";
    if (this.other?.readyState === "open") {
      this.other.readyState = "closed";
      this.other.onclose?.();
    }
  }
}

const rtc = (channel: FakeChannel): RTCDataChannel => channel as unknown as RTCDataChannel;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function pair() {
  const [near, far] = [new FakeChannel(), new FakeChannel()];
  near.other = far;
  far.other = near;
  const lossy = new FakeChannel();
  const [mina, jun] = [new DataChannels(() => undefined), new DataChannels(() => undefined)];
  mina.attach("u_jun", rtc(new FakeChannel()), { lossy: rtc(lossy), open: () => rtc(near) });
  jun.attach("u_mina", rtc(new FakeChannel()));
  return { mina, jun, near, far, lossy };
}

async function begun(refuse = false) {
  const made = pair();
  const sources: ByteSource[] = [];
  made.jun.onStream("file", (source) => {
    sources.push(source);
    return !refuse;
  });
  const sink = made.mina.openStream("file", "u_jun", { id: "a" });
  made.jun.came("u_mina", rtc(made.far));
  made.near.onopen?.();
  made.near.arrive();
  return { ...made, sink, sources };
}

describe("a stream of bytes", () => {
  test("arrives whole, with its head and its last word", async () => {
    const { sink, sources, near, far } = await begun();
    const [source] = sources;
    expect(source?.from).toBe("u_mina");
    expect(source?.head).toEqual({ id: "a" });
    const got: number[] = [];
    let last: unknown = null;
    if (!source) return;
    source.onpiece = (piece) => {
      got.push(piece.byteLength);
      source.take(piece.byteLength);
    };
    source.onlast = (said) => {
      last = said;
      source.done();
    };
    await sink.write(new Uint8Array(100 * 1024));
    near.arrive();
    far.arrive();
    const finished = sink.finish({ sha256: "x" });
    await settle();
    near.arrive();
    far.arrive();
    await finished;
    expect(got).toEqual([64 * 1024, 36 * 1024]);
    expect(last).toEqual({ sha256: "x" });
    expect(sink.taken).toBe(100 * 1024);
    expect(sink.open).toBe(false);
  });

  test("waits for a slow disk at the other end", async () => {
    const { sink, sources, near, far } = await begun();
    const kept: ArrayBuffer[] = [];
    const [source] = sources;
    if (!source) return;
    source.onpiece = (piece) => kept.push(piece);
    let written = 0;
    const writing = (async () => {
      for (; written < 20 * MIB; written += MIB) await sink.write(new Uint8Array(MIB));
    })();
    await settle();
    near.arrive();
    expect(written).toBe(12 * MIB);
    for (const piece of kept.splice(0)) source.take(piece.byteLength);
    far.arrive();
    await writing;
    expect(written).toBe(20 * MIB);
  });

  test("waits while the network takes no more", async () => {
    const { sink, near } = await begun();
    near.bufferedAmount = 2 * MIB;
    let done = false;
    const writing = sink.write(new Uint8Array(10)).then(() => (done = true));
    await settle();
    expect(done).toBe(false);
    near.bufferedAmount = 0;
    near.onbufferedamountlow?.();
    await writing;
  });

  test("that nobody wants is closed", async () => {
    const { sink } = await begun(true);
    expect(sink.open).toBe(false);
    await expect(sink.write(new Uint8Array(1))).rejects.toMatchObject({ code: "closed" });
  });

  test("is lost with its connection, at both ends", async () => {
    const { sink, sources, mina, jun } = await begun();
    let lost = 0;
    const [source] = sources;
    if (source) source.onlost = () => (lost += 1);
    const waiting = sink.finish(null);
    mina.detach("u_jun");
    jun.detach("u_mina");
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
    expect(lost).toBe(1);
  });

  test("beyond the window is cut off: nobody fills our memory", async () => {
    const { sources, far } = await begun();
    let lost = false;
    const [source] = sources;
    if (source) source.onlost = () => (lost = true);
    for (let n = 0; n < 25; n += 1) far.onmessage?.({ data: new ArrayBuffer(MIB) });
    expect(lost).toBe(true);
    expect(far.readyState).toBe("closed");
  });

  test("of an unknown label, and beyond eight, is closed at once", () => {
    const { jun } = pair();
    const strange = new FakeChannel();
    strange.label = "other";
    jun.came("u_mina", rtc(strange));
    expect(strange.readyState).toBe("closed");
    const many = Array.from({ length: 9 }, () => new FakeChannel());
    for (const one of many) jun.came("u_mina", rtc(one));
    expect(many.map(({ readyState }) => readyState)).toEqual([
      ...Array.from({ length: 8 }, () => "open"),
      "closed",
    ]);
  });

  test("to nobody is refused", () => {
    const { mina } = pair();
    expect(() => mina.openStream("file", "u_sora", null)).toThrow("closed");
  });
});

describe("what may be lost", () => {
  test("goes over its own channel, and not when it would be late", () => {
    const { mina, lossy } = pair();
    expect(mina.sendLossy("game", { x: 1 })).toEqual({ sent: ["u_jun"], refused: {} });
    expect(lossy.sent).toEqual(['{"topic":"game","payload":{"x":1}}']);
    lossy.bufferedAmount = 9_000;
    expect(mina.sendLossy("game", { x: 2 }).refused).toEqual({ u_jun: "congested" });
    expect(() => mina.sendLossy("game", "x".repeat(1_000))).toThrow("message_too_long");
  });

  test("arrives as what is never lost does", () => {
    const { mina, lossy } = pair();
    const heard: unknown[] = [];
    mina.on("game", (from, payload) => heard.push([from, payload]));
    lossy.onmessage?.({ data: '{"topic":"game","payload":7}' });
    expect(heard).toEqual([["u_jun", 7]]);
  });
});
