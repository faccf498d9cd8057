import { describe, expect, test } from "vitest";
import { DataChannels } from "../../src/media/data";
import { SfuChannels } from "../../src/media/sfu_channels";

/** Two ends of an SFU that passes packets on in order, each a moment later. */
function ends() {
  const ports = { mina: new DataChannels(() => undefined), jun: new DataChannels(() => undefined) };
  const lines: Record<string, SfuChannels> = {};
  let way: Promise<void> = Promise.resolve();
  const trouble = { away: false };
  const end = (self: "mina" | "jun", other: "mina" | "jun"): void => {
    const line = new SfuChannels(
      other,
      (_to, topic, data) => {
        if (trouble.away) return Promise.reject(new Error("away"));
        way = way.then(() => lines[other]?.received(topic, data));
        return way;
      },
      (channel) => ports[self].came(other, channel),
    );
    lines[self] = line;
    ports[self].attach(other, line.reliable.asChannel(), {
      lossy: line.lossy.asChannel(),
      open: () => line.open(),
      window_bytes: 256 * 1024,
    });
  };
  end("mina", "jun");
  end("jun", "mina");
  return { ...ports, lines, trouble, settled: () => way };
}

describe("data channels through an SFU", () => {
  test("a message arrives under the name of who it came from", async () => {
    const { mina, jun, settled } = ends();
    const heard: unknown[] = [];
    jun.on("chat", (from, payload) => heard.push([from, payload]));
    expect(mina.send("chat", { text: "안녕" })).toEqual({ sent: ["jun"], refused: {} });
    mina.sendLossy("chat", 7, ["jun"]);
    await settled();
    expect(heard).toEqual([
      ["mina", { text: "안녕" }],
      ["mina", 7],
    ]);
  });

  test("a stream comes whole and in order, whatever is sent beside it", async () => {
    const { mina, jun } = ends();
    const got: number[] = [];
    let last: unknown = null;
    jun.onStream("file", (source) => {
      source.onpiece = (piece) => {
        got.push(...new Uint8Array(piece));
        source.take(piece.byteLength);
      };
      source.onlast = (word) => {
        last = word;
        source.done();
      };
      return true;
    });
    const bytes = Uint8Array.from(
      { length: 700_000 },
      (_, index) => (index * 7 + index / 251) % 256,
    );
    const sink = mina.openStream("file", "jun", { id: "f" });
    // As a file is read: block after block, without waiting for what was taken of them.
    const writing = (async () => {
      for (let at = 0; at < bytes.length; at += 100_000) {
        await sink.write(bytes.subarray(at, at + 100_000));
      }
      await sink.finish({ sha256: "x" });
    })();
    await writing;
    expect(got.length).toBe(bytes.length);
    expect(Uint8Array.from(got)).toEqual(bytes);
    expect(last).toEqual({ sha256: "x" });
    expect(sink.taken).toBe(bytes.length);
  });

  test("who is gone takes their streams along", async () => {
    const { mina, jun, lines } = ends();
    let lost = false;
    jun.onStream("file", (source) => {
      source.onlost = () => (lost = true);
      return true;
    });
    const sink = mina.openStream("file", "jun", null);
    await sink.write(new Uint8Array(10));
    await expect.poll(() => lines["jun"] !== undefined).toBe(true);
    lines["jun"]?.close();
    expect(lost).toBe(true);
    lines["mina"]?.close();
    expect(sink.open).toBe(false);
    await expect(sink.write(new Uint8Array(1))).rejects.toMatchObject({ code: "closed" });
  });

  test("what belongs to no stream, or is too short to say so, is dropped", () => {
    const { lines } = ends();
    for (const bytes of [[], [0, 0, 0], [1, 0, 0, 0, 0, 9, 1], [0, 1, 0, 0, 0, 9, 65]]) {
      expect(() => lines["jun"]?.received("moim.bytes", Uint8Array.from(bytes))).not.toThrow();
    }
  });

  test("a stream that lost a packet is over, and its sender is told", async () => {
    const { mina, jun, trouble, settled } = ends();
    jun.onStream("file", () => true);
    const sink = mina.openStream("file", "jun", {});
    await settled();
    trouble.away = true;
    await sink.write(new Uint8Array(1024));
    trouble.away = false;
    await expect(sink.finish({})).rejects.toThrow("closed");
    expect(sink.open).toBe(false);
  });
});
