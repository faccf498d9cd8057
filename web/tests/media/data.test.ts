import { describe, expect, test } from "vitest";
import { DataChannels } from "../../src/media/data";

/** One end of a channel whose other end the test plays. */
class FakeChannel {
  readyState: RTCDataChannelState = "open";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readonly sent: string[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onbufferedamountlow: (() => void) | null = null;
  send(text: string): void {
    this.sent.push(text);
    this.bufferedAmount += text.length;
  }
  drain(): void {
    this.bufferedAmount = 0;
    this.onbufferedamountlow?.();
  }
  close(): void {
    this.readyState = "closed";
  }
}

class FakeStream extends FakeChannel {
  readonly label = "moim.bytes";
  onclose: (() => void) | null = null;
}

function channels() {
  const port = new DataChannels(() => undefined);
  const channel = new FakeChannel();
  port.attach("u_joon", channel as unknown as RTCDataChannel);
  const heard: unknown[] = [];
  port.on("chat", (from, payload) => heard.push([from, payload]));
  return { port, channel, heard };
}

describe("the data channel", () => {
  test("what was said is of whom it came through, whatever it says", () => {
    const { channel, heard } = channels();
    channel.onmessage?.({ data: '{"topic":"chat","from":"u_mina","payload":{"from":"u_mina"}}' });
    expect(heard).toEqual([["u_joon", { from: "u_mina" }]]);
  });

  test.each([
    "nonsense",
    "[]",
    "null",
    '{"topic":7}',
    '{"payload":"no topic"}',
    '{"topic":"another"}',
    new ArrayBuffer(4),
    JSON.stringify({ topic: "chat", payload: "x".repeat(20_000) }),
  ])("%s is dropped", (data) => {
    const { channel, heard } = channels();
    channel.onmessage?.({ data });
    expect(heard).toEqual([]);
  });

  test("who may say nothing is not heard until they may again", () => {
    const { port, channel, heard } = channels();
    const say = (): void => channel.onmessage?.({ data: '{"topic":"chat","payload":1}' });
    port.setSilent("u_joon", true);
    say();
    expect(heard).toEqual([]);
    port.setSilent("u_joon", false);
    say();
    expect(heard).toEqual([["u_joon", 1]]);
  });

  test("a stream of who may say nothing is refused, and one under way ends", () => {
    const { port } = channels();
    const begun = new FakeStream();
    port.onStream("files", () => true);
    port.came("u_joon", begun as unknown as RTCDataChannel);
    port.setSilent("u_joon", true);
    const later = new FakeStream();
    port.came("u_joon", later as unknown as RTCDataChannel);
    expect([begun.readyState, later.readyState]).toEqual(["closed", "closed"]);
  });

  test("a flood is cut off", () => {
    const { channel, heard } = channels();
    for (let n = 0; n < 1_000; n += 1) channel.onmessage?.({ data: '{"topic":"chat"}' });
    expect(heard.length).toBeLessThan(110);
  });

  test("a slow receiver gets its messages in order, and a stuck one is reported", () => {
    const { port, channel } = channels();
    const results = Array.from({ length: 80 }, (_, n) =>
      port.send("chat", { n, text: "x".repeat(10_000) }),
    );
    expect(
      results.filter(({ refused }) => refused["u_joon"] === "congested").length,
    ).toBeGreaterThan(0);
    const taken = results.filter(({ sent }) => sent.length === 1).length;
    while (channel.bufferedAmount > 0) channel.drain();
    const numbers = channel.sent.map(
      (text) => (JSON.parse(text) as { payload: { n: number } }).payload.n,
    );
    expect(numbers).toEqual(Array.from({ length: taken }, (_, n) => n));
  });

  test("a message that does not fit is refused before anyone gets it", () => {
    const { port, channel } = channels();
    // Six thousand letters of Hangul are eighteen thousand bytes.
    expect(() => port.send("chat", "가".repeat(6_000))).toThrow("message_too_long");
    expect(channel.sent).toEqual([]);
  });

  test("who is gone is neither reachable nor heard", () => {
    const { port, channel, heard } = channels();
    const say = channel.onmessage;
    expect(port.reachable()).toEqual(["u_joon"]);
    port.detach("u_joon");
    expect(port.reachable()).toEqual([]);
    expect(channel.onmessage).toBeNull();
    expect(port.send("chat", "?", ["u_joon"]).refused).toEqual({ u_joon: "closed" });
    expect(say).not.toBeNull();
    expect(heard).toEqual([]);
  });
});
