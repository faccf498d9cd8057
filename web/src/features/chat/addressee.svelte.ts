import type { Call } from "../../app/call.svelte.ts";
import { readJson, write } from "../../app/store.ts";

/**
 * Whom the next message is for: only its author changes that. What was begun to one alone is never
 * on its way to everybody because that one has left, or the page was loaded again.
 */
export class Addressee {
  /** Null is everybody. */
  identity = $state<string | null>(null);
  /** As they were called last: who has left is in no list any more. */
  #name = $state("");
  readonly #key: string;

  constructor(private readonly call: Call) {
    this.#key = `moim.draft.to.${call.room.slug}`;
    const kept = readJson("sessionStorage", this.#key);
    if (typeof kept !== "object" || kept === null) return;
    const { identity, name } = kept as Record<string, unknown>;
    if (typeof identity !== "string" || typeof name !== "string") return;
    this.identity = identity;
    this.#name = name;
  }

  get name(): string {
    return this.call.nameOf(this.identity ?? "") || this.#name;
  }

  /** Somebody alone is meant who is not here to get it. */
  get gone(): boolean {
    return (
      this.identity !== null &&
      !this.call.people.some(({ identity, isMe }) => identity === this.identity && !isMe)
    );
  }

  choose(identity: string | null, name = this.call.nameOf(identity ?? "")): void {
    this.identity = identity;
    this.#name = name;
    write(
      "sessionStorage",
      this.#key,
      identity === null ? null : JSON.stringify({ identity, name }),
    );
  }
}
