import { describe, expect, test } from "vitest";
import { oneNetwork, pathOf, selectedPair, type Stat } from "../../src/media/path";
import { judge, PeerReader, Rating, type Figures } from "../../src/media/quality";
import type { PeerStats } from "../../src/media/session";

const report = (...stats: Stat[]): Map<string, Stat> => new Map(stats.map((s) => [s.id, s]));

const pair = (local: object, remote: object): Stat[] => [
  { id: "T", type: "transport", selectedCandidatePairId: "P" },
  {
    id: "P",
    type: "candidate-pair",
    state: "succeeded",
    localCandidateId: "L",
    remoteCandidateId: "R",
    currentRoundTripTime: 0.042,
  },
  { id: "L", type: "local-candidate", protocol: "udp", ...local },
  { id: "R", type: "remote-candidate", protocol: "udp", ...remote },
];

describe("path", () => {
  test("it is named by its worse end", () => {
    const path = pathOf(report(...pair({ candidateType: "host" }, { candidateType: "srflx" })));
    expect(path).toEqual({
      type: "srflx",
      direct: true,
      near: false,
      protocol: "udp",
      relay_protocol: null,
    });
  });

  test("a relay is no direct path, and says how it is reached", () => {
    const relay = { candidateType: "relay", relayProtocol: "tls" };
    const path = pathOf(report(...pair(relay, { candidateType: "host" })));
    expect(path).toEqual({
      type: "relay",
      direct: false,
      near: false,
      protocol: "udp",
      relay_protocol: "tls",
    });
  });

  test.each([
    ["192.168.1.2", "192.168.1.3", true],
    ["10.0.0.1", "172.31.0.1", true],
    ["172.32.0.1", "10.0.0.1", false],
    ["100.64.0.1", "100.127.0.1", true],
    ["20.0.0.5", "192.168.1.3", false],
    [null, "192.168.1.3", true],
    ["2600:1::5", "2600:1:0:0:9:8:7:6", true],
    ["2600:1:b::2", "2600:1:c::2", false],
    ["fe80::1", "fe80::2", true],
    ["2600:1:b::2", "192.168.1.3", false],
  ])("from %s to %s is one network: %s", (one, other, near) => {
    expect(oneNetwork(one, other)).toBe(near);
    expect(oneNetwork(other, one)).toBe(near);
  });

  test("Firefox marks the pair where others name it in the transport", () => {
    const [, chosen, ...candidates] = pair({ candidateType: "host" }, { candidateType: "prflx" });
    const all = report(
      { id: "X", type: "candidate-pair", state: "succeeded", nominated: true },
      { ...(chosen as Stat), selected: true },
      ...candidates,
    );
    expect(pathOf(all)?.type).toBe("prflx");
    expect(selectedPair(all)?.rtt_ms).toBeCloseTo(42);
  });

  test("there is none before a pair was chosen", () => {
    expect(pathOf(report({ id: "T", type: "transport" }))).toBeNull();
  });
});

const fine: Figures = { loss: 0, rtt_ms: 40, frozen: 0, state: "connected" };

describe("quality", () => {
  test.each([
    [fine, "good"],
    [{ ...fine, rtt_ms: null }, "good"],
    [{ ...fine, loss: 0.05 }, "fair"],
    [{ ...fine, rtt_ms: 300 }, "fair"],
    [{ ...fine, frozen: 0.2 }, "fair"],
    [{ ...fine, loss: 0.1 }, "poor"],
    [{ ...fine, rtt_ms: 600 }, "poor"],
    [{ ...fine, frozen: 0.5 }, "poor"],
    [{ ...fine, state: "reconnecting" }, "poor"],
  ] as const)("%j is %s", (figures, quality) => expect(judge(figures)).toBe(quality));

  test("one bad second changes nothing, two do, and it takes four good ones to come back", () => {
    const rating = new Rating();
    const bad = { ...fine, loss: 0.2 };
    const fair = { ...fine, loss: 0.05 };
    const show = (...seconds: Figures[]) => seconds.map((second) => rating.rate(second));
    expect(show(fine, bad, fine, bad, fine)).toEqual(["good", "good", "good", "good", "good"]);
    expect(show(bad, bad)).toEqual(["good", "poor"]);
    expect(show(fine, fine, fine, fine)).toEqual(["poor", "poor", "poor", "good"]);
    expect(show(fair, bad)).toEqual(["good", "fair"]);
  });
});

describe("flows", () => {
  const stats = (...all: Stat[]): PeerStats => ({
    identity: "u_joon",
    sid: "PA_1",
    state: "connected",
    polite: true,
    signaling_state: "stable",
    ice_state: "connected",
    negotiation: {
      offers_sent: 1,
      offers_received: 0,
      answers_sent: 0,
      answers_received: 1,
      offers_ignored: 0,
      ice_restarts: 0,
      candidates_sent: {},
      candidates_received: {},
    },
    sends: { "0": "microphone", "1": "camera" },
    receives: { "1": "screen_share" },
    camera_most_bps: null,
    report: report(
      ...all,
      ...pair({ candidateType: "host" }, { candidateType: "host" }),
    ) as unknown as RTCStatsReport,
  });
  const inbound = (bytes: number, packets: number, lost: number, frames: number): Stat => ({
    id: "I",
    type: "inbound-rtp",
    kind: "video",
    mid: "1",
    bytesReceived: bytes,
    packetsReceived: packets,
    packetsLost: lost,
    framesDecoded: frames,
    frameWidth: 1280,
    codecId: "C",
  });
  const outbound = (bytes: number, packets: number): Stat => ({
    id: "O",
    type: "outbound-rtp",
    kind: "audio",
    mid: "0",
    bytesSent: bytes,
    packetsSent: packets,
    remoteId: "RI",
  });
  const codec: Stat = { id: "C", type: "codec", mimeType: "video/VP9" };
  const reported = (lost: number): Stat => ({
    id: "RI",
    type: "remote-inbound-rtp",
    packetsLost: lost,
  });

  test("counters become bitrates and loss by source, in each direction", () => {
    const reader = new PeerReader();
    reader.read(stats(inbound(0, 0, 0, 0), outbound(0, 0), reported(0), codec), 1_000);
    const person = reader.read(
      stats(inbound(100_000, 90, 10, 30), outbound(4_000, 50), reported(0), codec),
      2_000,
    );
    expect(person).toMatchObject({ in_bps: 800_000, out_bps: 32_000, loss: 0.1 });
    expect(person.rtt_ms).toBeCloseTo(42);
    expect(person.flows).toMatchObject([
      { direction: "in", source: "screen_share", frames: 30, width: 1280, codec: "VP9", loss: 0.1 },
      { direction: "out", source: "microphone", frames: null, loss: 0 },
    ]);
  });

  test("what the other end lost of ours counts too", () => {
    const reader = new PeerReader();
    reader.read(stats(outbound(0, 0), reported(0)), 1_000);
    expect(reader.read(stats(outbound(9_000, 80), reported(20)), 2_000).loss).toBeCloseTo(0.2);
  });

  test("one lost packet of a muted camera is no bad connection", () => {
    const reader = new PeerReader();
    reader.read(stats(inbound(0, 0, 0, 0)), 1_000);
    expect(reader.read(stats(inbound(300, 2, 1, 0)), 2_000).loss).toBe(0);
  });

  test("counters that begin anew are not read backwards", () => {
    const reader = new PeerReader();
    reader.read(stats(inbound(1_000_000, 900, 0, 300)), 1_000);
    expect(reader.read(stats(inbound(5_000, 20, 0, 3)), 2_000).in_bps).toBe(0);
  });
});
