import type { Call } from "../../app/call.svelte.ts";
import { read, write } from "../../app/store.ts";
import type { ChatMessage } from "../../wire/types.gen.ts";

/** How far one has read: kept in this browser, so that what came while one was away is new. */
export class Reading {
  #seen = $state(0);
  /** The first message that was new when one began to read; a line stands above it. */
  marker = $state<number | null>(null);
  readonly #key: string;

  constructor(call: Call, lastSeq: number) {
    this.#key = `moim.seen.${call.room.slug}.${call.seat.identity}`;
    const stored = Number(read("localStorage", this.#key) ?? Number.NaN);
    // A number from before a backup was put back is ahead of the room.
    this.#seen = Number.isInteger(stored) ? Math.min(stored, lastSeq) : lastSeq;
    this.#keep();
  }

  isNew(message: ChatMessage, me: string): boolean {
    return message.seq > this.#seen && message.author !== me && !message.deleted;
  }

  /** The list is opened: what is new is marked, until it is closed. */
  begin(news: readonly ChatMessage[]): void {
    this.marker = news[0]?.seq ?? null;
  }

  end(): void {
    this.marker = null;
  }

  seen(lastSeq: number): void {
    if (lastSeq <= this.#seen) return;
    this.#seen = lastSeq;
    this.#keep();
  }

  #keep(): void {
    write("localStorage", this.#key, String(this.#seen));
  }
}
