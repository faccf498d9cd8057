/** A relay as bad as one likes: it loses, doubles and reorders what passes, by a seeded dice. */
import type { RelayFrame, SignalRelay } from "../../src/media/signals";

export interface Badness {
  readonly loss: number;
  readonly doubling: number;
  readonly delay_ms: number;
}

export const FINE: Badness = { loss: 0, doubling: 0, delay_ms: 0 };

/** Mulberry32: small, seeded, the same everywhere. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Handler = (frame: RelayFrame) => void;

export class Hub {
  private readonly handlers = new Map<string, Map<string, Set<Handler>>>();
  /** All that was sent, for tests that ask who spoke to whom. */
  readonly log: { from: string; to: string; event: string; payload: unknown }[] = [];

  constructor(
    public badness: Badness = FINE,
    private readonly roll: () => number = dice(1),
  ) {}

  join(identity: string): SignalRelay {
    const own = new Map<string, Set<Handler>>();
    this.handlers.set(identity, own);
    return {
      send: (command, fields) => {
        // A page that reloaded is not heard any more, like a socket that was closed.
        if (this.handlers.get(identity) !== own) return;
        const { to, ...payload } = fields;
        this.pass(
          identity,
          String(to),
          command === "signal.send" ? "signal" : "signal.acked",
          payload,
        );
      },
      on: (event, handler) => {
        const set = own.get(event) ?? new Set();
        own.set(event, set.add(handler));
        return () => set.delete(handler);
      },
    };
  }

  /** Says something in somebody's name, as only the relay itself could. */
  pass(from: string, to: string, event: string, payload: unknown): void {
    const wire = JSON.stringify(payload);
    this.log.push({ from, to, event, payload: JSON.parse(wire) as unknown });
    const copies = this.roll() < this.badness.doubling ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.roll() < this.badness.loss) continue;
      setTimeout(() => {
        const frame = { from, payload: JSON.parse(wire) as unknown };
        for (const handler of this.handlers.get(to)?.get(event) ?? []) handler(frame);
      }, this.roll() * this.badness.delay_ms);
    }
  }
}
