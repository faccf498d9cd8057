/**
 * Descriptions and candidates, exactly once and in order, over a relay that may lose, double and
 * reorder them (a server that restarts, a socket that reconnects).
 *
 * Each signal has a number `n` that is never used again by this page, and names its link: the
 * connection attempt it belongs to and its place in it (1, 2, ...). The receiver acknowledges
 * every `n` that it has, handles the signals of one attempt in the order of their places, and
 * each once. The sender repeats with back-off until the acknowledgement or until the
 * participant is gone. A signal of another epoch is dropped by whoever sees it, unacknowledged.
 *
 * On the wire (the link travels inside `data`, which the server passes on unread):
 *
 *     signal.send {to, epoch, n, kind, data: {..., link: {from, to, place}}}  ->  signal {from, payload}
 *     signal.ack  {to, epoch, n}                                             ->  signal.acked {from, payload}
 *
 * A client without links is served too: `n` is then the place, it begins at 0 or 1 for each
 * participant, and there is one attempt.
 */
import { isSource, type Link, type Signal, type SignalPort, type Source } from "./session";

export interface RelayFrame {
  readonly from: string;
  readonly payload: unknown;
}

/** The unreliable way: the socket's commands and passing events. */
export interface SignalRelay {
  /** What it returns is not waited for; a rejection is taken as a loss. */
  send(command: "signal.send" | "signal.ack", fields: Record<string, unknown>): unknown;
  on(event: "signal" | "signal.acked", handler: (frame: RelayFrame) => void): () => void;
  /** Finds out whether the way to the server still works. */
  doubt?(): void;
}

export interface SignalsOptions {
  readonly self: string;
  readonly epoch: number;
  readonly relay: SignalRelay;
  /** Where the numbers begin; random unless a test says. */
  readonly firstNumber?: number;
}

/** First wait for an acknowledgement; it grows by half each time up to the last. */
const RESEND_FIRST_MS = 250;
const RESEND_LAST_MS = 3_000;
/** Who waits longer than this is told at once when the other end is heard of again. */
const PATIENCE_MS = 1_000;
/** A cooperative browser has some forty signals in flight; beyond this the sender is broken. */
const EARLY_LIMIT = 256;
/** Attempts of one participant whose place in the order is remembered. */
const ATTEMPT_LIMIT = 8;
const SDP_LIMIT = 256 * 1024;

interface Outgoing {
  readonly to: string;
  readonly link: string;
  readonly fields: Record<string, unknown>;
  wait_ms: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

interface Attempt {
  next: number;
  /** Arrived and not yet handled; a null signal is one that we cannot read and skip in its turn. */
  readonly early: Map<number, { link: Link; signal: Signal | null }>;
}

export class ReliableSignals implements SignalPort {
  readonly self: string;
  onsignal: SignalPort["onsignal"] = null;
  onreachable: SignalPort["onreachable"] = null;
  accepts: SignalPort["accepts"] = () => false;

  private up = true;
  private epoch: number;
  private number: number;
  private readonly relay: SignalRelay;
  private readonly waiting = new Map<number, Outgoing>();
  private readonly places = new Map<string, number>();
  private readonly attempts = new Map<string, Map<string, Attempt>>();
  private readonly unsubscribe: (() => void)[];

  constructor({ self, epoch, relay, firstNumber }: SignalsOptions) {
    this.self = self;
    this.epoch = epoch;
    this.relay = relay;
    // Random, so that a late acknowledgement for the page before this one fits none of ours.
    this.number = firstNumber ?? 1 + Math.floor(Math.random() * 1e9);
    this.unsubscribe = [
      relay.on("signal", (frame) => this.received(frame)),
      relay.on("signal.acked", (frame) => this.acked(frame)),
    ];
  }

  send(to: string, link: Link, signal: Signal): void {
    const n = this.number++;
    const key = attemptKey(to, link.from);
    const place = (this.places.get(key) ?? 0) + 1;
    this.places.set(key, place);
    // The last candidate (null) is spelt as an empty one: a null could not carry the link.
    const data: object = signal.data ?? { candidate: "" };
    const fields = {
      to,
      epoch: this.epoch,
      n,
      kind: signal.kind,
      data: { ...data, link: { from: link.from, to: link.to, place } },
    };
    const outgoing: Outgoing = {
      to,
      link: link.from,
      fields,
      wait_ms: RESEND_FIRST_MS,
      timer: undefined,
    };
    this.waiting.set(n, outgoing);
    this.transmit(outgoing);
  }

  forget(identity: string, link?: string): void {
    for (const [n, outgoing] of this.waiting) {
      if (outgoing.to !== identity || (link !== undefined && outgoing.link !== link)) continue;
      clearTimeout(outgoing.timer);
      this.waiting.delete(n);
    }
    if (link !== undefined) {
      this.places.delete(attemptKey(identity, link));
      return;
    }
    this.attempts.delete(identity);
    const prefix = attemptKey(identity, "");
    for (const key of this.places.keys()) if (key.startsWith(prefix)) this.places.delete(key);
  }

  /**
   * The room began a new meeting around a call that goes on (the server was away until every seat
   * had expired). Attempts and their order stay, as the connections do; what waits is said again
   * under the new epoch, because a lost offer would be waited for for ever.
   */
  setEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    for (const outgoing of this.waiting.values()) outgoing.fields["epoch"] = epoch;
    // A client without links counts anew.
    for (const attempts of this.attempts.values()) attempts.delete("");
    this.flush();
  }

  /** The socket is back: what waits is sent now, not at the end of its back-off. */
  flush(): void {
    for (const outgoing of this.waiting.values()) {
      clearTimeout(outgoing.timer);
      outgoing.wait_ms = RESEND_FIRST_MS;
      this.transmit(outgoing);
    }
  }

  get reachable(): boolean {
    return this.up;
  }

  /** Whether the server is there; each return of it is told, after what waited was sent. */
  setReachable(up: boolean): void {
    const before = this.up;
    this.up = up;
    if (before || !up) return;
    this.flush();
    this.onreachable?.();
  }

  doubt(): void {
    this.relay.doubt?.();
  }

  pending(identity: string): number {
    let count = 0;
    for (const outgoing of this.waiting.values()) if (outgoing.to === identity) count += 1;
    return count;
  }

  close(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    for (const outgoing of this.waiting.values()) clearTimeout(outgoing.timer);
    this.waiting.clear();
    this.places.clear();
    this.attempts.clear();
    this.onsignal = null;
    this.onreachable = null;
    this.accepts = () => false;
  }

  private transmit(outgoing: Outgoing): void {
    outgoing.timer = setTimeout(() => this.transmit(outgoing), outgoing.wait_ms);
    outgoing.wait_ms = Math.min(outgoing.wait_ms * 1.5, RESEND_LAST_MS);
    this.relayed("signal.send", outgoing.fields);
  }

  private relayed(command: "signal.send" | "signal.ack", fields: Record<string, unknown>): void {
    try {
      // A refusal (the other end is not seated yet, the socket is down) is a loss like any other.
      Promise.resolve(this.relay.send(command, fields)).catch(() => undefined);
    } catch {
      // Likewise.
    }
  }

  private acked({ from, payload }: RelayFrame): void {
    if (!isRecord(payload) || payload["epoch"] !== this.epoch) return;
    const n = payload["n"];
    if (typeof n !== "number") return;
    const outgoing = this.waiting.get(n);
    // Only the addressee can acknowledge.
    if (outgoing?.to !== from) return;
    clearTimeout(outgoing.timer);
    this.waiting.delete(n);
  }

  private received({ from, payload }: RelayFrame): void {
    if (!isRecord(payload) || payload["epoch"] !== this.epoch || from === this.self) return;
    const n = payload["n"];
    if (typeof n !== "number" || !Number.isSafeInteger(n)) return;
    // Not listed (yet): unacknowledged, so it comes again if the room lists them meanwhile.
    if (!this.accepts(from)) return;

    const signal = signalOf(payload["kind"], payload["data"]);
    const { link, place, first } = linkOf(payload["data"], n);
    const attempt = this.attemptOf(from, link.from, first);
    if (place >= attempt.next) {
      if (!attempt.early.has(place) && attempt.early.size >= EARLY_LIMIT) return;
      attempt.early.set(place, { link, signal });
    }
    this.relayed("signal.ack", { to: from, epoch: this.epoch, n });
    this.hurry(from);
    this.deliver(from, attempt);
  }

  /** Somebody who was away speaks again: what they have not heard need not wait any longer. */
  private hurry(to: string): void {
    for (const outgoing of this.waiting.values()) {
      if (outgoing.to !== to || outgoing.wait_ms <= PATIENCE_MS) continue;
      clearTimeout(outgoing.timer);
      outgoing.wait_ms = RESEND_FIRST_MS;
      this.transmit(outgoing);
    }
  }

  private deliver(from: string, attempt: Attempt): void {
    for (;;) {
      const turn = attempt.early.get(attempt.next);
      if (turn === undefined) return;
      attempt.early.delete(attempt.next);
      attempt.next += 1;
      if (turn.signal !== null) this.onsignal?.(from, turn.link, turn.signal);
    }
  }

  private attemptOf(from: string, link: string, first: number): Attempt {
    let attempts = this.attempts.get(from);
    if (attempts === undefined) this.attempts.set(from, (attempts = new Map()));
    let attempt = attempts.get(link);
    if (attempt === undefined) {
      attempts.set(link, (attempt = { next: first, early: new Map() }));
      const oldest = attempts.keys().next();
      if (attempts.size > ATTEMPT_LIMIT && oldest.done !== true) attempts.delete(oldest.value);
    }
    return attempt;
  }
}

const attemptKey = (identity: string, link: string): string => `${identity} ${link}`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: unknown, limit: number): string | null =>
  typeof value === "string" && value.length <= limit ? value : null;

function linkOf(data: unknown, n: number): { link: Link; place: number; first: number } {
  const link = isRecord(data) && isRecord(data["link"]) ? data["link"] : {};
  const from = text(link["from"], 64);
  const place = link["place"];
  if (from === null || typeof place !== "number" || !Number.isSafeInteger(place)) {
    return { link: { from: "", to: null }, place: n, first: Math.min(n, 1) };
  }
  return { link: { from, to: text(link["to"], 64) }, place, first: 1 };
}

/** The signal as this folder knows it, or null for what is malformed or of a later version. */
function signalOf(kind: unknown, data: unknown): Signal | null {
  if (kind === "candidate") {
    if (data === null) return { kind, data: null };
    if (!isRecord(data)) return null;
    const candidate = text(data["candidate"], 4096);
    if (candidate === null) return null;
    if (candidate === "") return { kind, data: null };
    const index = data["sdpMLineIndex"];
    return {
      kind,
      data: {
        candidate,
        sdpMid: text(data["sdpMid"], 64),
        sdpMLineIndex: typeof index === "number" ? index : null,
        usernameFragment: text(data["usernameFragment"], 256),
      },
    };
  }
  if (kind !== "description" || !isRecord(data)) return null;
  const type = data["type"];
  const sdp = text(data["sdp"], SDP_LIMIT);
  if ((type !== "offer" && type !== "answer") || sdp === null) return null;
  return { kind, data: { type, sdp, sources: sourcesOf(data["sources"]) } };
}

function sourcesOf(value: unknown): Record<string, Source> {
  const sources: Record<string, Source> = {};
  if (isRecord(value)) {
    for (const [mid, source] of Object.entries(value).slice(0, 64)) {
      if (isSource(source)) sources[mid] = source;
    }
  }
  return sources;
}
