import { describe, expect, it } from "vitest";
import { type Found, type Gathering, judge } from "../../src/media/router";

const host = (port: number, address = "192.168.0.7"): Found => ({
  type: "host",
  protocol: "udp",
  address,
  port,
  relatedPort: null,
});
const face = (port: number, relatedPort: number, address = "203.0.113.9"): Found => ({
  type: "srflx",
  protocol: "udp",
  address,
  port,
  relatedPort,
});
const saw = (candidates: Found[], failures: number | null = 0, took_ms = 300): Gathering => ({
  candidates,
  failures,
  took_ms,
});
const HIDDEN = "0b1f6d3e-8f0e-4b0c-9a55-1f4c9c2f7a11.local";

describe("what kind of router there is", () => {
  it("is good for direct calls when two STUN ports see one face", () => {
    const seen = saw([host(5000), face(61000, 5000)]);
    expect(judge(2, seen, saw([host(5001), face(61001, 5001)]))).toEqual({
      kind: "direct",
      mapping: "same",
      local: { address: "192.168.0.7", port: 5000 },
      outside: { address: "203.0.113.9", port: 61000 },
    });
  });

  it("needs a relay when each STUN port sees another face", () => {
    const seen = saw([host(5000), face(61000, 5000), face(61001, 5000)]);
    expect(judge(2, seen, saw([face(61002, 5001)]))).toMatchObject({
      kind: "relay",
      mapping: "changes",
    });
  });

  it("tells two faces from one when the browser hides its own address", () => {
    const one = saw([host(5000, HIDDEN), face(61000, 0)]);
    expect(judge(2, one, saw([face(61002, 0)]))).toMatchObject({
      kind: "direct",
      local: { address: null, port: 5000 },
    });
    const two = saw([host(5000, HIDDEN), face(61000, 0), face(61001, 0)]);
    expect(judge(2, two, saw([face(61002, 0)])).kind).toBe("relay");
  });

  it("takes the faces of two networks for no change", () => {
    const seen = saw([host(5000), host(5001, "10.0.0.3"), face(61000, 5000), face(62000, 5001)]);
    expect(judge(2, seen, saw([face(61002, 5002)])).mapping).toBe("same");
  });

  it("does not guess when two hidden networks have two faces", () => {
    const seen = saw([host(5000, HIDDEN), host(5001, HIDDEN), face(61000, 0), face(62000, 0)]);
    expect(judge(2, seen, saw([face(61002, 0)])).kind).toBe("unknown");
  });

  it("does not guess when the second port is silent, or there is none", () => {
    const seen = saw([host(5000), face(61000, 5000)], 1);
    expect(judge(2, seen, saw([host(5001)], 1)).kind).toBe("unknown");
    expect(judge(1, saw([host(5000), face(61000, 5000)]), null).kind).toBe("unknown");
    expect(judge(0, saw([host(5000)]), null).kind).toBe("unknown");
  });

  it("says that UDP is blocked when nobody answers", () => {
    expect(judge(2, saw([host(5000)], 2), saw([host(5001)], 1)).kind).toBe("blocked");
    // Firefox does not count failures, and takes its time.
    expect(judge(2, saw([host(5000)], null, 9_000), saw([])).kind).toBe("blocked");
  });

  it("knows a network without a router between by answers that bring no new face", () => {
    expect(judge(2, saw([host(5000)]), saw([host(5001)]))).toMatchObject({
      kind: "direct",
      mapping: "none",
      outside: null,
    });
    expect(judge(2, saw([host(5000)], null, 80), saw([])).kind).toBe("direct");
  });

  it("leaves TCP out, and says IPv4 before IPv6", () => {
    const tcp = { ...face(9, 5000), protocol: "tcp" };
    const six = face(61000, 5005, "2001:db8::7");
    const seen = saw([host(5000), host(5005, "fd00::7"), tcp, six, face(61000, 5000)]);
    expect(judge(2, seen, saw([face(61001, 5002)]))).toMatchObject({
      kind: "direct",
      local: { address: "192.168.0.7" },
      outside: { address: "203.0.113.9" },
    });
  });
});
