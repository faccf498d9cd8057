/**
 * Which way the packets take, read from the statistics.
 *
 * Source: W3C webrtc-stats, `transport`, `candidate-pair`, `local-candidate`, `remote-candidate`.
 */
import type { Path } from "./session";

export type Stat = Readonly<Record<string, unknown>> & {
  readonly id: string;
  readonly type: string;
};

/** The parts of RTCStatsReport that are read, so that a test can hand in a plain Map. */
export type StatsMap = Pick<ReadonlyMap<string, Stat>, "get" | "values">;

export interface CandidateFacts {
  readonly type: RTCIceCandidateType;
  readonly protocol: string;
  readonly address: string | null;
  readonly port: number | null;
  readonly relay_protocol: string | null;
}

export interface PairFacts {
  readonly local: CandidateFacts;
  readonly remote: CandidateFacts;
  readonly rtt_ms: number | null;
  readonly available_out_bps: number | null;
}

export const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

export const string = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;

export function selectedPair(report: StatsMap): PairFacts | null {
  const pair = pairStat(report);
  if (pair === null) return null;
  const local = candidate(report, pair["localCandidateId"]);
  const remote = candidate(report, pair["remoteCandidateId"]);
  if (local === null || remote === null) return null;
  const rtt_s = number(pair["currentRoundTripTime"]);
  return {
    local,
    remote,
    rtt_ms: rtt_s === null ? null : rtt_s * 1000,
    available_out_bps: number(pair["availableOutgoingBitrate"]),
  };
}

export function pathOf(report: StatsMap): Path | null {
  const pair = selectedPair(report);
  if (pair === null) return null;
  const { local, remote } = pair;
  const order: RTCIceCandidateType[] = ["host", "srflx", "prflx", "relay"];
  const type = order.indexOf(local.type) >= order.indexOf(remote.type) ? local.type : remote.type;
  const relay = local.relay_protocol;
  return {
    type,
    direct: type !== "relay",
    protocol: local.protocol === "tcp" ? "tcp" : "udp",
    relay_protocol: relay === "udp" || relay === "tcp" || relay === "tls" ? relay : null,
  };
}

function pairStat(report: StatsMap): Stat | null {
  let nominated: Stat | null = null;
  for (const stat of report.values()) {
    if (stat.type === "transport") {
      const pair = report.get(string(stat["selectedCandidatePairId"]) ?? "");
      if (pair !== undefined) return pair;
    }
    // Firefox names no pair in its transport, and marks the pair instead.
    if (stat.type === "candidate-pair" && stat["state"] === "succeeded") {
      if (stat["selected"] === true || (stat["nominated"] === true && nominated === null)) {
        nominated = stat;
      }
    }
  }
  return nominated;
}

function candidate(report: StatsMap, id: unknown): CandidateFacts | null {
  const stat = typeof id === "string" ? report.get(id) : undefined;
  const type = stat?.["candidateType"];
  if (stat === undefined || typeof type !== "string") return null;
  return {
    type: type as RTCIceCandidateType,
    protocol: string(stat["protocol"]) ?? "udp",
    address: string(stat["address"]),
    port: number(stat["port"]),
    relay_protocol: string(stat["relayProtocol"]),
  };
}
