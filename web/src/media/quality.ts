/**
 * The call as it is, once a second and for everyone in one pass: how well each connection does,
 * which way it goes, and what flows on it. The quality bars, the stage of a slow network and the
 * "behind the scenes" panel all read the same picture.
 *
 * Source: W3C webrtc-stats (`inbound-rtp`, `outbound-rtp`, `remote-inbound-rtp`, `codec`).
 */
import { Emitter } from "./events";
import { number, pathOf, selectedPair, string, type PairFacts, type StatsMap } from "./path";
import type { MediaSession, Negotiation, Path, PeerState, PeerStats, Source } from "./session";

export type Quality = "good" | "fair" | "poor";

/** One source on its way to or from one participant, over the last interval. */
export interface Flow {
  readonly direction: "in" | "out";
  readonly source: Source;
  readonly bitrate_bps: number;
  /** 0..1; for what we send, as the other reports it. */
  readonly loss: number;
  /** Decoded (in) or encoded (out) since the beginning; null for sound. */
  readonly frames: number | null;
  readonly framerate: number | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Seconds of this interval in which the picture stood still. */
  readonly frozen_s: number;
  readonly jitter_ms: number | null;
  /** "VP8", "opus". */
  readonly codec: string | null;
  /** What the encoder is given of the line, whether the picture needs it or not; null: unknown. */
  readonly target_bps: number | null;
  /** What holds the encoder back: "cpu", "bandwidth"; null when nothing does. */
  readonly limited_by: string | null;
}

export interface PersonPicture {
  readonly identity: string;
  readonly sid: string;
  readonly state: PeerState;
  /** null until there are figures. */
  readonly quality: Quality | null;
  readonly rtt_ms: number | null;
  readonly loss: number;
  readonly path: Path | null;
  readonly pair: PairFacts | null;
  readonly in_bps: number;
  readonly out_bps: number;
  readonly flows: readonly Flow[];
  readonly camera_most_bps: number | null;
  readonly polite: boolean;
  readonly signaling_state: RTCSignalingState;
  readonly ice_state: RTCIceConnectionState;
  readonly negotiation: Negotiation;
}

export interface CallPicture {
  readonly at_ms: number;
  readonly people: readonly PersonPicture[];
  readonly in_bps: number;
  readonly out_bps: number;
  /** The worst of all, or null while nothing is known: our own network, most likely. */
  readonly quality: Quality | null;
}

// ----------------------------------------------------------------------------- judgement

export interface Figures {
  readonly loss: number;
  readonly rtt_ms: number | null;
  /** Part of the interval in which a picture stood still, 0..1. */
  readonly frozen: number;
  readonly state: PeerState;
}

/**
 * Speech survives 3 % of loss with FEC and suffers at 8 %; people interrupt each other from a
 * quarter of a second. Source: ITU-T G.114 (one-way delay), G.107 (loss).
 */
export function judge({ loss, rtt_ms, frozen, state }: Figures): Quality {
  if (state === "reconnecting" || state === "failed") return "poor";
  const rtt = rtt_ms ?? 0;
  if (loss > 0.08 || rtt > 500 || frozen > 0.3) return "poor";
  if (loss > 0.03 || rtt > 250 || frozen > 0.1) return "fair";
  return "good";
}

const RANK: Readonly<Record<Quality, number>> = { poor: 0, fair: 1, good: 2 };
export const worse = (a: Quality, b: Quality): Quality => (RANK[a] <= RANK[b] ? a : b);

const WORSE_AFTER = 2;
const BETTER_AFTER = 4;

/** Bars that do not flicker: down after two worse seconds, up after four better ones. */
export class Rating {
  private shown: Quality | null = null;
  private recent: Quality[] = [];

  rate(figures: Figures): Quality {
    const now = judge(figures);
    this.recent = [...this.recent, now].slice(-BETTER_AFTER);
    this.shown ??= now;
    const latest = this.recent.slice(-WORSE_AFTER);
    const best = latest.reduce((a, b) => (worse(a, b) === a ? b : a));
    const worst = this.recent.reduce(worse);
    if (latest.length === WORSE_AFTER && RANK[best] < RANK[this.shown]) this.shown = best;
    else if (this.recent.length === BETTER_AFTER && RANK[worst] > RANK[this.shown]) {
      this.shown = worst;
    }
    return this.shown;
  }
}

// ------------------------------------------------------------------------------- reading

interface Counters {
  readonly at_ms: number;
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
  readonly frozen_s: number;
}

/** Remembers the counters of one participant, and turns them into what happened since. */
export class PeerReader {
  private counters = new Map<string, Counters>();
  private readonly rating = new Rating();

  read(stats: PeerStats, at_ms: number): PersonPicture {
    const report = stats.report as unknown as StatsMap | null;
    const before = this.counters;
    this.counters = new Map();
    const flows = report === null ? [] : this.flows(stats, report, before, at_ms);
    const pair = report === null ? null : selectedPair(report);
    const rtt_ms = pair?.rtt_ms ?? null;
    const loss = Math.max(0, ...flows.map((flow) => flow.loss));
    const measured = before.size > 0 || stats.state !== "connecting";
    const frozen = Math.max(0, ...flows.map((flow) => flow.frozen_s)) / INTERVAL_S;
    const sum = (direction: "in" | "out"): number =>
      flows.reduce((bps, flow) => bps + (flow.direction === direction ? flow.bitrate_bps : 0), 0);
    return {
      identity: stats.identity,
      sid: stats.sid,
      state: stats.state,
      quality: measured ? this.rating.rate({ loss, rtt_ms, frozen, state: stats.state }) : null,
      rtt_ms,
      loss,
      path: report === null ? null : pathOf(report),
      pair,
      in_bps: sum("in"),
      out_bps: sum("out"),
      flows,
      camera_most_bps: stats.camera_most_bps,
      polite: stats.polite,
      signaling_state: stats.signaling_state,
      ice_state: stats.ice_state,
      negotiation: stats.negotiation,
    };
  }

  private flows(
    stats: PeerStats,
    report: StatsMap,
    before: ReadonlyMap<string, Counters>,
    at_ms: number,
  ): Flow[] {
    const flows: Flow[] = [];
    for (const stat of report.values()) {
      const direction = DIRECTIONS[stat.type];
      if (direction === undefined) continue;
      const mid = string(stat["mid"]) ?? "";
      const source = (direction === "in" ? stats.receives : stats.sends)[mid];
      if (source === undefined) continue;
      const remote = report.get(string(stat["remoteId"]) ?? "");
      const now: Counters = {
        at_ms,
        bytes: number(stat[direction === "in" ? "bytesReceived" : "bytesSent"]) ?? 0,
        packets: number(stat[direction === "in" ? "packetsReceived" : "packetsSent"]) ?? 0,
        lost: number((direction === "in" ? stat : remote)?.["packetsLost"]) ?? 0,
        frozen_s: number(stat["totalFreezesDuration"]) ?? 0,
      };
      this.counters.set(stat.id, now);
      const last = before.get(stat.id);
      const since = last === undefined ? NOTHING : difference(last, now);
      const video = stat["kind"] === "video";
      const codec = report.get(string(stat["codecId"]) ?? "");
      const limit = string(stat["qualityLimitationReason"]);
      const jitter_s = number((direction === "in" ? stat : remote)?.["jitter"]);
      flows.push({
        direction,
        source,
        ...since,
        frames: video ? number(stat[direction === "in" ? "framesDecoded" : "framesEncoded"]) : null,
        framerate: number(stat["framesPerSecond"]),
        width: number(stat["frameWidth"]),
        height: number(stat["frameHeight"]),
        jitter_ms: jitter_s === null ? null : jitter_s * 1000,
        codec: string(codec?.["mimeType"])?.split("/")[1] ?? null,
        target_bps: direction === "out" ? number(stat["targetBitrate"]) : null,
        limited_by: limit === null || limit === "none" ? null : limit,
      });
    }
    return flows;
  }
}

const DIRECTIONS: Readonly<Record<string, "in" | "out">> = {
  "inbound-rtp": "in",
  "outbound-rtp": "out",
};

type Since = Pick<Flow, "bitrate_bps" | "loss" | "frozen_s">;
const NOTHING: Since = { bitrate_bps: 0, loss: 0, frozen_s: 0 };

/** Counters begin anew when a connection does: what went backwards says nothing. */
function difference(last: Counters, now: Counters): Since {
  const elapsed_s = (now.at_ms - last.at_ms) / 1000;
  if (elapsed_s <= 0 || now.bytes < last.bytes || now.packets < last.packets) return NOTHING;
  const packets = now.packets - last.packets;
  // A late packet is taken back from the lost ones, so this may be negative.
  const lost = Math.max(0, now.lost - last.lost);
  return {
    bitrate_bps: Math.round(((now.bytes - last.bytes) * 8) / elapsed_s),
    // One lost packet of a few (DTX, a muted camera) is no loss of half of them.
    loss: packets + lost < FEW_PACKETS ? 0 : lost / (packets + lost),
    frozen_s: Math.max(0, now.frozen_s - last.frozen_s),
  };
}

const INTERVAL_S = 1;
const FEW_PACKETS = 10;

// --------------------------------------------------------------------------------- meter

/** Looks once a second while it runs; each look is one event. */
export class QualityMeter extends Emitter<{ picture: CallPicture }> {
  private readonly readers = new Map<string, PeerReader>();
  private readonly timer: ReturnType<typeof setInterval>;
  private looking = false;
  private stopped = false;
  private last: CallPicture | null = null;

  constructor(private readonly session: MediaSession) {
    super();
    this.timer = setInterval(() => void this.look(), INTERVAL_S * 1000);
  }

  get picture(): CallPicture | null {
    return this.last;
  }

  async look(): Promise<CallPicture | null> {
    // A slow machine gets fewer pictures, not more work.
    if (this.looking || this.stopped) return this.last;
    this.looking = true;
    try {
      const all = await this.session.stats();
      if (this.hasStopped()) return this.last;
      this.last = this.combine(all, performance.now());
      this.emit("picture", this.last);
      return this.last;
    } finally {
      this.looking = false;
    }
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
    this.readers.clear();
    this.clear();
  }

  private hasStopped(): boolean {
    return this.stopped;
  }

  private combine(all: readonly PeerStats[], at_ms: number): CallPicture {
    const present = new Set(all.map(({ identity }) => identity));
    for (const identity of this.readers.keys()) {
      if (!present.has(identity)) this.readers.delete(identity);
    }
    const people = all.map((stats) => {
      const reader = this.readers.get(stats.identity) ?? new PeerReader();
      this.readers.set(stats.identity, reader);
      return reader.read(stats, at_ms);
    });
    return {
      at_ms,
      people,
      in_bps: people.reduce((sum, { in_bps }) => sum + in_bps, 0),
      out_bps: people.reduce((sum, { out_bps }) => sum + out_bps, 0),
      quality: people.reduce<Quality | null>(
        (worst, { quality }) =>
          quality === null ? worst : worst === null ? quality : worse(worst, quality),
        null,
      ),
    };
  }
}
