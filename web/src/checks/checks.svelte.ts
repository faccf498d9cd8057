import * as m from "../paraglide/messages.js";
import { NAMES, verdict, type Check, type CheckName, type State } from "./check.ts";
import type { Viewpoint } from "./looks.ts";

/** What looks at everything could not be loaded: that says of the server how it is. */
const unreached = (name: CheckName): Check =>
  name === "server"
    ? { name, state: "bad", words: m.check_server_away() }
    : { name, state: "none", words: m.check_later() };

/** The checks as the screen shows them: none before they were asked for. */
export class Checks {
  list = $state.raw<readonly Check[]>([]);
  readonly verdict: State = $derived(verdict(this.list));
  #looking: AbortController | null = null;

  async run(from: Viewpoint): Promise<void> {
    this.stop();
    const looking = (this.#looking = new AbortController());
    this.list = NAMES.map((name) => ({ name, state: "running", words: m.network_looking() }));
    const part = await import("./looks.ts").catch(() => null);
    if (looking.signal.aborted) return;
    if (part === null) {
      this.list = NAMES.map(unreached);
      return;
    }
    await part.lookAtAll(
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
