import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Link, Signal } from "../../src/media/session";
import { ReliableSignals } from "../../src/media/signals";
import { dice, FINE, Hub, type Badness } from "./relay";

const candidate = (name: string): Signal => ({
  kind: "candidate",
  data: { candidate: name, sdpMid: "0", sdpMLineIndex: 0, usernameFragment: "u" },
});
const offer: Signal = {
  kind: "description",
  data: { type: "offer", sdp: "v=0", sources: { "0": "microphone" } },
};
const first: Link = { from: "attempt-1", to: null };

function port(hub: Hub, self: string, epoch = 1, firstNumber?: number) {
  const numbered = firstNumber === undefined ? {} : { firstNumber };
  const signals = new ReliableSignals({ self, epoch, relay: hub.join(self), ...numbered });
  const heard: { from: string; link: Link; signal: Signal }[] = [];
  signals.accepts = () => true;
  signals.onsignal = (from, link, signal) => heard.push({ from, link, signal });
  return { signals, heard };
}

const names = (heard: { signal: Signal }[]): string[] =>
  heard.map(({ signal }) =>
    signal.kind === "candidate" ? (signal.data?.candidate ?? "end") : "sdp",
  );

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("over a relay that works", () => {
  test("a signal arrives whole, with the link it belongs to", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a");
    const b = port(hub, "b");
    a.signals.send("b", first, offer);
    a.signals.send("b", first, { kind: "candidate", data: null });
    await vi.advanceTimersByTimeAsync(10);
    expect(b.heard).toEqual([
      { from: "a", link: first, signal: offer },
      { from: "a", link: first, signal: { kind: "candidate", data: null } },
    ]);
    expect(a.signals.pending("b")).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("nothing is sent twice once it was acknowledged", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a");
    port(hub, "b");
    a.signals.send("b", first, offer);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hub.log.filter(({ event }) => event === "signal")).toHaveLength(1);
  });
});

describe("over a relay that loses, doubles and reorders", () => {
  const badnesses: Badness[] = [
    { loss: 0.5, doubling: 0, delay_ms: 0 },
    { loss: 0, doubling: 0.5, delay_ms: 400 },
    { loss: 0.4, doubling: 0.4, delay_ms: 2_000 },
  ];
  for (const badness of badnesses) {
    for (let seed = 1; seed <= 25; seed += 1) {
      test(`each signal is handled once and in order (${JSON.stringify(badness)}, seed ${String(seed)})`, async () => {
        const roll = dice(seed);
        const hub = new Hub(badness, roll);
        const people = ["a", "b", "c"].map((self) => port(hub, self));
        const sent = new Map<string, string[]>();
        for (let turn = 0; turn < 60; turn += 1) {
          const from = people[Math.floor(roll() * 3)] ?? people[0];
          const to = people[Math.floor(roll() * 3)] ?? people[0];
          if (from === undefined || to === undefined || from === to) continue;
          const way = `${from.signals.self} ${to.signals.self}`;
          const log = sent.get(way) ?? [];
          sent.set(way, log);
          log.push(`${way} ${String(turn)}`);
          from.signals.send(to.signals.self, first, candidate(`${way} ${String(turn)}`));
          await vi.advanceTimersByTimeAsync(roll() * 100);
        }
        await vi.advanceTimersByTimeAsync(180_000);
        for (const to of people) {
          for (const from of people) {
            const way = `${from.signals.self} ${to.signals.self}`;
            const arrived = to.heard.filter((heard) => heard.from === from.signals.self);
            expect(names(arrived)).toEqual(sent.get(way) ?? []);
          }
        }
        expect(vi.getTimerCount()).toBe(0);
      });
    }
  }

  test("a relay that throws or refuses is one that loses", async () => {
    const hub = new Hub(FINE);
    const relay = hub.join("a");
    let broken = true;
    const signals = new ReliableSignals({
      self: "a",
      epoch: 1,
      relay: {
        on: (event, handler) => relay.on(event, handler),
        send: (command, fields) => {
          if (broken) return Promise.reject(new Error("socket is down"));
          return relay.send(command, fields);
        },
      },
    });
    const b = port(hub, "b");
    signals.send("b", first, offer);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(b.heard).toHaveLength(0);
    broken = false;
    signals.flush();
    await vi.advanceTimersByTimeAsync(1);
    expect(b.heard).toHaveLength(1);
  });
});

describe("what is not handled", () => {
  test("a signal of another epoch is neither handled nor acknowledged", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a", 1);
    const b = port(hub, "b", 2);
    a.signals.send("b", first, offer);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(b.heard).toHaveLength(0);
    expect(a.signals.pending("b")).toBe(1);
  });

  test("a call that goes on into a new meeting loses no signal and no order", async () => {
    const hub = new Hub({ loss: 0.3, doubling: 0.3, delay_ms: 500 });
    const a = port(hub, "a", 1);
    const b = port(hub, "b", 1);
    for (const name of ["1", "2", "3"]) a.signals.send("b", first, candidate(name));
    await vi.advanceTimersByTimeAsync(200);
    a.signals.setEpoch(2);
    for (const name of ["4", "5", "6"]) a.signals.send("b", first, candidate(name));
    await vi.advanceTimersByTimeAsync(1_000);
    b.signals.setEpoch(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(names(b.heard)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("whom the room does not list is heard once it lists them", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a");
    const b = port(hub, "b");
    b.signals.accepts = () => false;
    a.signals.send("b", first, offer);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(b.heard).toHaveLength(0);
    expect(hub.log.some(({ event }) => event === "signal.acked")).toBe(false);
    b.signals.accepts = () => true;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(b.heard).toHaveLength(1);
  });

  test("what cannot be read is acknowledged and skipped, and what follows is handled", async () => {
    const hub = new Hub(FINE);
    const b = port(hub, "b");
    const say = (n: number, kind: string, data: unknown): void =>
      hub.pass("a", "b", "signal", { epoch: 1, n, kind, data });
    say(1, "description", { type: "offer", sdp: 7, sources: {} });
    say(2, "song", { la: "la" });
    say(3, "candidate", null);
    say(4, "description", {
      type: "answer",
      sdp: "v=0",
      sources: { "0": "camera", "1": "kitchen" },
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(b.heard.map(({ signal }) => signal)).toEqual([
      { kind: "candidate", data: null },
      { kind: "description", data: { type: "answer", sdp: "v=0", sources: { "0": "camera" } } },
    ]);
    expect(hub.log.filter(({ event }) => event === "signal.acked")).toHaveLength(4);
  });

  test("only the addressee can acknowledge", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a", 1, 100);
    hub.join("b");
    a.signals.send("b", first, offer);
    hub.pass("c", "a", "signal.acked", { epoch: 1, n: 100 });
    await vi.advanceTimersByTimeAsync(10);
    expect(a.signals.pending("b")).toBe(1);
    hub.pass("b", "a", "signal.acked", { epoch: 1, n: 100 });
    await vi.advanceTimersByTimeAsync(10);
    expect(a.signals.pending("b")).toBe(0);
  });
});

test("nothing is repeated to somebody who is gone", async () => {
  const hub = new Hub({ loss: 1, doubling: 0, delay_ms: 0 });
  const a = port(hub, "a");
  a.signals.send("b", first, offer);
  a.signals.send("c", first, offer);
  a.signals.forget("b");
  expect(a.signals.pending("b")).toBe(0);
  expect(a.signals.pending("c")).toBe(1);
  a.signals.close();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(60_000);
});

test("the page after a reload is not taken for the one before it", async () => {
  const hub = new Hub(FINE);
  const b = port(hub, "b");
  const before = port(hub, "a", 1, 500);
  before.signals.send("b", first, candidate("before"));
  await vi.advanceTimersByTimeAsync(10);
  before.signals.close();
  const after = port(hub, "a", 1, 3);
  after.signals.send("b", { from: "attempt-2", to: null }, candidate("after"));
  await vi.advanceTimersByTimeAsync(10);
  expect(names(b.heard)).toEqual(["before", "after"]);
});

describe("over a server that was away", () => {
  test("its return is told once, after what waited was sent", async () => {
    const hub = new Hub(FINE);
    const a = port(hub, "a");
    const b = port(hub, "b");
    hub.badness = { loss: 1, doubling: 0, delay_ms: 0 };
    a.signals.setReachable(false);
    a.signals.send("b", first, offer);
    await vi.advanceTimersByTimeAsync(60_000);
    const told: number[] = [];
    a.signals.onreachable = () => told.push(hub.log.length);
    hub.badness = FINE;
    const before = hub.log.length;
    a.signals.setReachable(true);
    a.signals.setReachable(true);
    expect(told).toEqual([before + 1]);
    await vi.advanceTimersByTimeAsync(10);
    expect(names(b.heard)).toEqual(["sdp"]);
  });

  test("who speaks again hears at once what they have missed", async () => {
    const hub = new Hub({ loss: 1, doubling: 0, delay_ms: 0 });
    const a = port(hub, "a");
    const b = port(hub, "b");
    a.signals.send("b", first, offer);
    // In the middle of a long wait.
    await vi.advanceTimersByTimeAsync(10_400);
    hub.badness = FINE;
    expect(b.heard).toEqual([]);
    b.signals.send("a", first, candidate("back"));
    await vi.advanceTimersByTimeAsync(10);
    expect(names(b.heard)).toEqual(["sdp"]);
  });
});
