import type { Chat } from "./chat.svelte.ts";
import {
  type Asked,
  type Mentionable,
  mentionable,
  mentionAsked,
  mentionsIn,
  withMention,
} from "./mentions.ts";

/** The picker of one field: whom `@` may mean where the cursor stands, and who was picked. */
export class Mentioning {
  #asked = $state.raw<Asked | null>(null);
  current = $state(0);
  #picked = new Set<string>();
  #chat: Chat;

  readonly people: readonly Mentionable[] = $derived.by(() =>
    this.#asked && this.#chat.to === null
      ? mentionable(this.#chat.mentionable, this.#asked.query)
      : [],
  );

  constructor(chat: Chat) {
    this.#chat = chat;
  }

  get open(): boolean {
    return this.people.length > 0;
  }

  follow(text: string, cursor: number): void {
    const asked = mentionAsked(text, cursor);
    if (asked?.from !== this.#asked?.from || asked?.query !== this.#asked?.query) this.current = 0;
    this.#asked = asked;
  }

  close(): void {
    this.#asked = null;
  }

  move(by: number): void {
    const { length } = this.people;
    this.current = (this.current + by + length) % length;
  }

  /** The text with somebody put into it, and where the cursor goes. */
  pick(text: string, person = this.people[this.current]): { text: string; cursor: number } | null {
    if (!this.#asked || !person) return null;
    const put = withMention(text, this.#asked, person.name);
    this.#picked.add(person.identity);
    this.close();
    return put;
  }

  /** Whom a text mentions when it is sent. */
  meant(text: string): string[] {
    return mentionsIn(text, this.#chat.mentionable, this.#picked);
  }

  clear(): void {
    this.#picked.clear();
    this.close();
  }
}
