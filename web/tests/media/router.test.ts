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
const saw = (candidates: Found[], failures = 0, complete = true): Gathering => ({
  candidates,
  failures,
  complete,
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
    // Chromium does not say so, and goes on asking.
    expect(judge(2, saw([host(5000)], 0, false), saw([], 0, false)).kind).toBe("blocked");
    expect(judge(1, saw([], 0, false), null).kind).toBe("blocked");
  });

  it("knows a network without a router between by answers that bring no new face", () => {
    expect(judge(2, saw([host(5000)]), saw([host(5001)]))).toMatchObject({
      kind: "direct",
      mapping: "none",
      outside: null,
    });
  });

  it("does not call a network blocked when another one of the machine may be dead", () => {
    const seen = saw([host(5000), host(5001, "172.17.0.1")], 0, false);
    expect(judge(2, seen, saw([], 0, false)).kind).toBe("unknown");
  });

  it("does not wait for a dead network once a live one has answered", () => {
    const hosts = [host(5000), host(5001, "172.17.0.1")];
    const seen = saw([...hosts, face(61000, 5000)], 0, false);
    expect(judge(2, seen, saw([face(61002, 5002)], 0, false)).mapping).toBe("same");
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
