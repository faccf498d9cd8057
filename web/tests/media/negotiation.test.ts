import { describe, expect, test } from "vitest";
import {
  candidateType,
  isPolite,
  judgeDescription,
  restartsIce,
  Tally,
} from "../../src/media/negotiation";

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

const sdp = (ufrag: string): string => `v=0\r\na=ice-ufrag:${ufrag}\r\na=ice-pwd:x\r\n`;

test("an offer with other ICE credentials is a restart, the first offer is none", () => {
  expect(restartsIce(sdp("abcd"), sdp("efgh"))).toBe(true);
  expect(restartsIce(sdp("abcd"), sdp("abcd"))).toBe(false);
  expect(restartsIce(undefined, sdp("abcd"))).toBe(false);
});
