import type { Call } from "../../app/call.svelte.ts";

const AGAIN_MS = 3_000;
const FADES_MS = 6_000;

/** Who is writing. It passes by: nothing of it is kept, and it fades when no more is heard. */
export class Typing {
  #until = $state.raw<ReadonlyMap<string, number>>(new Map());
  #said_ms = 0;
  #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  get names(): readonly string[] {
    const now = this.#call.now_ms;
    return [...this.#until].flatMap(([identity, until]) => {
      const name = this.#call.nameOf(identity);
      return until > now && name !== "" ? [name] : [];
    });
  }

  heard(identity: string, typing: boolean): void {
    const next = new Map(this.#until);
    if (typing) next.set(identity, Date.now() + FADES_MS);
    else next.delete(identity);
    this.#until = next;
  }

  /** One writes to everybody, or no longer. Who does not want it told is not told of. */
  writes(text: string): void {
    const now = Date.now();
    if (text !== "" && this.#call.remembered.typing && now - this.#said_ms > AGAIN_MS) {
      this.#said_ms = now;
      this.#call.pass("typing.set", { typing: true });
    } else if (text === "" && this.#said_ms > 0) {
      this.#said_ms = 0;
      this.#call.pass("typing.set", { typing: false });
    }
  }
}
