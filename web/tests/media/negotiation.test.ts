import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { candidateType, isPolite, judgeDescription, Tally } from "../../src/media/negotiation";
import { Recovery } from "../../src/media/recovery";

describe("perfect negotiation", () => {
  test("exactly one of two ends is polite", () => {
    expect(isPolite("u_a", "u_b")).toBe(false);
    expect(isPolite("u_b", "u_a")).toBe(true);
  });

  test.each([
    // type, polite, makingOffer, signalingState, verdict
    ["offer", false, false, "stable", "apply"],
    ["offer", false, true, "stable", "ignore"],
    ["offer", false, false, "have-local-offer", "ignore"],
    ["offer", true, false, "stable", "apply"],
    ["offer", true, true, "stable", "apply"],
    ["offer", true, false, "have-local-offer", "apply"],
    ["answer", false, false, "have-local-offer", "apply"],
    ["answer", true, false, "have-local-offer", "apply"],
    ["answer", true, false, "stable", "stale"],
    ["answer", false, false, "stable", "stale"],
  ] as const)(
    "%s at polite=%s makingOffer=%s in %s is to %s",
    (type, polite, makingOffer, signalingState, verdict) => {
      expect(judgeDescription(type, { polite, makingOffer, signalingState })).toBe(verdict);
    },
  );

  test("of two crossing offers exactly one is answered", () => {
    for (const state of ["stable", "have-local-offer"] as const) {
      const verdicts = [true, false].map((polite) =>
        judgeDescription("offer", {
          polite,
          makingOffer: state === "stable",
          signalingState: state,
        }),
      );
      expect(verdicts).toEqual(["apply", "ignore"]);
    }
  });

  test("candidates are counted by their type", () => {
    const tally = new Tally();
    tally.candidate("sent", "candidate:1 1 udp 2122260223 192.0.2.1 4711 typ host");
    tally.candidate("sent", "candidate:2 1 udp 1 198.51.100.1 9 typ srflx raddr 0.0.0.0 rport 0");
    tally.candidate("sent", undefined);
    tally.description("received", "offer");
    expect(tally.read()).toMatchObject({
      offers_received: 1,
      offers_sent: 0,
      candidates_sent: { host: 1, srflx: 1 },
      candidates_received: {},
    });
    expect(candidateType("nonsense")).toBeNull();
  });
});

describe("recovery", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function recovery(polite = false, heard = true) {
    const log: string[] = [];
    const begin = Date.now();
    const note = (what: string) => () => {
      log.push(`${what} ${String((Date.now() - begin) / 1000)}`);
    };
    const watch = new Recovery(polite, {
      restart: note("restart"),
      rebuild: note("rebuild"),
      heard: () => heard,
    });
    return { watch, log };
  }

  test("a hiccup is left alone", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onState("disconnected");
    vi.advanceTimersByTime(1_900);
    watch.onState("connected");
    vi.advanceTimersByTime(60_000);
    expect(log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a break of two seconds restarts ICE, and the impolite end begins", () => {
    for (const [polite, at] of [
      [false, "restart 2"],
      [true, "restart 3"],
    ] as const) {
      const { watch, log } = recovery(polite);
      watch.onState("connected");
      watch.onState("disconnected");
      vi.advanceTimersByTime(5_000);
      expect(log).toEqual([at]);
      watch.close();
    }
  });

  test("a failure restarts at once, then again, and in the end builds anew", () => {
    const { watch, log } = recovery();
    watch.onState("connected");
    watch.onState("failed");
    vi.advanceTimersByTime(0);
    for (let turn = 0; turn < 4; turn += 1) {
      watch.onState("connecting");
      watch.onState("failed");
      vi.advanceTimersByTime(10_000);
    }
    expect(log).toEqual(["restart 0", "restart 6", "restart 16", "rebuild 31"]);
    watch.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("nothing is built anew while the other end does not hear us", () => {
    const { watch, log } = recovery(false, false);
    watch.onState("connected");
    watch.onState("failed");
    vi.advanceTimersByTime(120_000);
    expect(log.length).toBeGreaterThan(5);
    expect(log.some((line) => line.startsWith("rebuild"))).toBe(false);
    watch.close();
  });

  test("a connection that never comes is tried again", () => {
    const { watch, log } = recovery();
    watch.onState("connecting");
    vi.advanceTimersByTime(16_000);
    expect(log).toEqual(["restart 15"]);
    watch.close();
  });
});
