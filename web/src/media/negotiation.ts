/**
 * The decisions of perfect negotiation, without a connection to make them on.
 *
 * Both ends may offer at any time. When two offers cross, the polite end rolls its own back and
 * answers; the impolite end ignores the other's and waits for the answer to its own. Where it is the
 * first offer, nothing is rolled back: another connection takes its place (`MeshSession.startOver`). Signals are
 * handled one after the other, so the example's third flag (an answer being set) has no use here.
 *
 * Source: W3C WebRTC 1.0, section 10.7 "Perfect Negotiation Example".
 */
import type { Negotiation } from "./session";

/** The larger identity is polite, so the two ends always disagree about it. */
export const isPolite = (self: string, other: string): boolean => self > other;

export interface Standing {
  readonly polite: boolean;
  /** From the call of setLocalDescription() for an offer until it settled. */
  readonly makingOffer: boolean;
  readonly signalingState: RTCSignalingState;
}

export type Verdict =
  /** setRemoteDescription(): where an own offer is pending, it is rolled back implicitly. */
  | "apply"
  /** A colliding offer at the impolite end: neither it nor its candidates count. */
  | "ignore"
  /** An answer to an offer that was rolled back or answered already. */
  | "stale";

export function judgeDescription(type: RTCSdpType, standing: Standing): Verdict {
  const { polite, makingOffer, signalingState } = standing;
  if (type === "offer") {
    const ready = !makingOffer && signalingState === "stable";
    return ready || polite ? "apply" : "ignore";
  }
  return signalingState === "have-local-offer" ? "apply" : "stale";
}

/** Whether an offer begins a new ICE generation. Source: RFC 8839 section 4.4.1.1.1. */
export function restartsIce(before: string | undefined, offer: string): boolean {
  const ufrag = (sdp: string): string | undefined => /^a=ice-ufrag:(.+?)\s*$/m.exec(sdp)?.[1];
  return before !== undefined && ufrag(before) !== ufrag(offer);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What was exchanged, counted. */
export class Tally {
  private readonly counts: Mutable<Negotiation> & {
    candidates_sent: Record<string, number>;
    candidates_received: Record<string, number>;
  } = {
    offers_sent: 0,
    offers_received: 0,
    answers_sent: 0,
    answers_received: 0,
    offers_ignored: 0,
    ice_restarts: 0,
    candidates_sent: {},
    candidates_received: {},
  };

  description(direction: "sent" | "received", type: RTCSdpType): void {
    if (type === "offer") this.counts[`offers_${direction}`] += 1;
    else if (type === "answer") this.counts[`answers_${direction}`] += 1;
  }

  ignored(): void {
    this.counts.offers_ignored += 1;
  }

  iceRestart(): void {
    this.counts.ice_restarts += 1;
  }

  candidate(direction: "sent" | "received", candidate: string | undefined): void {
    const type = candidateType(candidate ?? "");
    if (type === null) return;
    const counts = this.counts[`candidates_${direction}`];
    counts[type] = (counts[type] ?? 0) + 1;
  }

  read(): Negotiation {
    return {
      ...this.counts,
      candidates_sent: { ...this.counts.candidates_sent },
      candidates_received: { ...this.counts.candidates_received },
    };
  }
}

/** `host`, `srflx`, `prflx` or `relay`. Source: RFC 8839 section 5.1, `typ`. */
export function candidateType(candidate: string): RTCIceCandidateType | null {
  const type = / typ (host|srflx|prflx|relay)(?: |$)/.exec(candidate)?.[1];
  return (type as RTCIceCandidateType | undefined) ?? null;
}
