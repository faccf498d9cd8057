import * as m from "../paraglide/messages.js";
import { NAMES, verdict, type Check, type State } from "./check.ts";
import type { Viewpoint } from "./looks.ts";

/** The checks as the screen shows them: none before they were asked for. */
export class Checks {
  list = $state.raw<readonly Check[]>([]);
  readonly verdict: State = $derived(verdict(this.list));
  #looking: AbortController | null = null;

  async run(from: Viewpoint): Promise<void> {
    this.stop();
    const looking = (this.#looking = new AbortController());
    this.list = NAMES.map((name) => ({ name, state: "running", words: m.network_looking() }));
    const { lookAtAll } = await import("./looks.ts");
    if (looking.signal.aborted) return;
    await lookAtAll(
      from,
      (name, finding) => {
        if (looking.signal.aborted) return;
        this.list = this.list.map((one) => (one.name === name ? { name, ...finding } : one));
      },
      looking.signal,
    );
  }

  /** Leaves what is under way: nothing of it may be in the way of a call. */
  stop(): void {
    if (this.#looking === null) return;
    this.#looking.abort();
    this.#looking = null;
    this.list = this.list.filter(({ state }) => state !== "running");
  }
}
