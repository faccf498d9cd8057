import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Telling, type Gathered } from "../../src/media/candidates";

const relay = (relayProtocol: "udp" | "tcp" | "tls", more: Partial<Gathered> = {}): Gathered => ({
  type: "relay",
  address: "20.0.0.3",
  relayProtocol,
  url: `turn:relay.example.org:3478?transport=${relayProtocol}`,
  usernameFragment: "a",
  ...more,
});
const direct = (type: "host" | "srflx", usernameFragment = "a"): Gathered => ({
  type,
  address: "192.168.0.2",
  usernameFragment,
});

let told: (Gathered | null)[];
let telling: Telling<Gathered>;

/** Whether it is told at once. */
const isTold = (candidate: Gathered): boolean => {
  telling.gathered(candidate);
  return told.at(-1) === candidate;
};

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  telling = new Telling((candidate) => told.push(candidate));
});
afterEach(() => {
  telling.close();
  vi.useRealTimers();
});

describe("of one relay's addresses", () => {
  test("those by slower ways are not told", () => {
    expect(isTold(relay("udp"))).toBe(true);
    expect(isTold(relay("tcp"))).toBe(false);
    expect(isTold(relay("tls", { url: "turns:relay.example.org:443" }))).toBe(false);
  });

  test("slower ones are told where they come first", () => {
    expect(isTold(relay("tls"))).toBe(true);
    expect(isTold(relay("tcp"))).toBe(true);
    expect(isTold(relay("udp"))).toBe(true);
  });

  test("another relay, another kind of address and another generation are told", () => {
    expect(isTold(relay("udp"))).toBe(true);
    expect(isTold(relay("tcp", { url: "turn:other.example.org:3478" }))).toBe(true);
    expect(isTold(relay("tcp", { address: "2600:1::3" }))).toBe(true);
    expect(isTold(relay("tcp", { usernameFragment: "b" }))).toBe(true);
  });

  test("what does not say how it was had is always told", () => {
    for (let n = 0; n < 3; n += 1) {
      expect(isTold(relay("udp", { relayProtocol: null }))).toBe(true);
      expect(isTold(relay("udp", { url: null }))).toBe(true);
      expect(isTold(direct("host"))).toBe(true);
    }
  });
});

describe("where a relay was needed and the other end moves", () => {
  test("direct ways are told when the other end has had time for the relay", () => {
    telling.relayFirst();
    expect(isTold(direct("host"))).toBe(false);
    expect(isTold(relay("udp"))).toBe(true);
    telling.gathered(null);
    vi.advanceTimersByTime(1_000);
    telling.heard("");
    telling.heard("candidate:1 1 tcp 1518214911 192.168.0.9 9 typ host tcptype active");
    vi.advanceTimersByTime(1_000);
    telling.heard("candidate:2 1 udp 2122260223 192.168.0.9 50000 typ host");
    vi.advanceTimersByTime(499);
    expect(told).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(told.slice(1)).toEqual([direct("host"), null]);
    expect(isTold(direct("srflx"))).toBe(true);
  });

  test("they are told in the end also where the other end has none", () => {
    telling.relayFirst();
    telling.gathered(direct("host"));
    vi.advanceTimersByTime(3_500);
    expect(told).toEqual([direct("host")]);
  });

  test("nothing is told of a connection that is gone", () => {
    telling.relayFirst();
    telling.gathered(direct("host"));
    telling.close();
    vi.advanceTimersByTime(5_000);
    expect(told).toEqual([]);
  });
});
