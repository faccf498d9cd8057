import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";
import { type Sign, type SignEntry, signOf } from "./signs.ts";

export interface Floating {
  readonly id: number;
  readonly identity: string;
  readonly entry: SignEntry;
  /** Where over the tile it stands, 0..1: several at once do not cover each other. */
  readonly at: number;
}

const SHOWN_MS = 2_500;
/** More than these are a flood: what comes then is not drawn. */
const MOST_AT_ONCE = 24;
const MOST_OF_ONE = 4;
const PLACES = 5;

/** Signs that float over somebody's picture for a moment. They are passing: no history has them. */
export class Reactions {
  open = $state(false);
  floating = $state.raw<readonly Floating[]>([]);

  #next = 1;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #off: () => void;

  constructor(private readonly call: Call) {
    this.#off = call.onPassing("reaction", ({ from, payload }) => {
      const entry = signOf(payload["sign"]);
      if (!entry || call.nameOf(from) === "") return;
      if (this.#show(from, entry)) {
        call.notices.say(m.someone_reacted({ name: call.nameOf(from), sign: entry.label() }));
      }
    });
  }

  send(sign: Sign): void {
    const entry = signOf(sign);
    if (entry && this.#show(this.call.seat.identity, entry)) {
      this.call.pass("reaction.send", { sign });
      this.call.notices.say(m.you_reacted({ sign: entry.label() }));
    }
  }

  close(): void {
    this.#off();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #show(identity: string, entry: SignEntry): boolean {
    const own = this.floating.filter((one) => one.identity === identity).length;
    if (own >= MOST_OF_ONE || this.floating.length >= MOST_AT_ONCE) return false;
    const id = this.#next++;
    const at = ((id % PLACES) + 0.5) / PLACES;
    this.floating = [...this.floating, { id, identity, entry, at }];
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.floating = this.floating.filter((one) => one.id !== id);
    }, SHOWN_MS);
    this.#timers.add(timer);
    return true;
  }
}
