import { beforeEach, describe, expect, test } from "vitest";
import { Telling, type Gathered } from "../../src/media/candidates";

const relay = (relayProtocol: "udp" | "tcp" | "tls", more: Partial<Gathered> = {}): Gathered => ({
  type: "relay",
  address: "20.0.0.3",
  relayProtocol,
  url: `turn:relay.example.org:3478?transport=${relayProtocol}`,
  usernameFragment: "a",
  ...more,
});
let telling: Telling;
const isTold = (candidate: Gathered): boolean => telling.isWorth(candidate);

beforeEach(() => {
  telling = new Telling();
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
      expect(isTold(relay("udp", { type: "host", relayProtocol: null }))).toBe(true);
    }
  });
});
