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
    near: type === "host" && oneNetwork(local.address, remote.address),
    protocol: local.protocol === "tcp" ? "tcp" : "udp",
    relay_protocol: relay === "udp" || relay === "tcp" || relay === "tls" ? relay : null,
  };
}

const PRIVATE_IPV4 =
  /^(10|127|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./;

/**
 * Whether two addresses that reach each other without a router's translation are of one network:
 * private ones, an IPv6 prefix that they share, or one that the browser keeps to itself.
 *
 * Source: RFC 6890 (private and shared blocks), RFC 4291 section 2.5.4 (64 bits of network).
 */
export function oneNetwork(one: string | null, other: string | null): boolean {
  if (one === null || other === null) return true;
  if (!one.includes(":") || !other.includes(":")) {
    return PRIVATE_IPV4.test(one) && PRIVATE_IPV4.test(other);
  }
  return network64(one) === network64(other);
}

function network64(address: string): string {
  const [head = "", tail = ""] = address.toLowerCase().split("::");
  const before = head.split(":").filter(Boolean);
  const after = tail.split(":").filter(Boolean);
  const zeros = address.includes("::") ? Math.max(0, 8 - before.length - after.length) : 0;
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16))
    .join(":");
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
