import type { Call } from "../../app/call.svelte.ts";
import type { ChatMessage } from "../../wire/types.gen.ts";

const PAUSE_MS = 250;
export const SHORTEST = 2;
const ENOUGH = 30;
/** A search looks at a part of the room in one go. */
const GOES = 40;

/** One search at a time, as one types. */
export class Finding {
  open = $state(false);
  text = $state("");
  found = $state.raw<readonly ChatMessage[]>([]);
  state = $state<"idle" | "looking" | "failed" | "done">("idle");
  /** Where to go on, when there may be more. */
  #before: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #number = 0;
  #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  get more(): boolean {
    return this.state === "done" && this.#before !== null;
  }

  get tooShort(): boolean {
    return !this.text.split(/\s+/u).some((word) => [...word].length >= SHORTEST);
  }

  change(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#number += 1;
    this.found = [];
    this.#before = null;
    this.state = this.tooShort ? "idle" : "looking";
    if (!this.tooShort) this.#timer = setTimeout(() => void this.goOn(), PAUSE_MS);
  }

  /** Looks until there is a page full, or the beginning of the room. */
  async goOn(): Promise<void> {
    const number = this.#number;
    const text = this.text;
    const enough = this.found.length + ENOUGH;
    this.state = "looking";
    try {
      for (let go = 0; go < GOES; go += 1) {
        const said = (await this.#call.command("chat.search", {
          text,
          before_seq: this.#before,
        })) as unknown as { messages: readonly ChatMessage[]; before_seq: number | null };
        if (number !== this.#number) return;
        this.found = [...this.found, ...said.messages];
        this.#before = said.before_seq;
        if (this.#before === null || this.found.length >= enough) break;
      }
      this.state = "done";
    } catch {
      if (number === this.#number) this.state = "failed";
    }
  }

  /** What was taken back is found no longer. */
  forget(seq: number): void {
    this.found = this.found.filter((message) => message.seq !== seq);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#number += 1;
    this.open = false;
    this.text = "";
    this.found = [];
    this.state = "idle";
  }
}
