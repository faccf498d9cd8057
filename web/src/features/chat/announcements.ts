import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";

export interface News {
  readonly author: string;
  readonly id: string;
  readonly text: string;
  readonly name: string;
}

/** The words in which a message is told of. */
export type Saying = (what: { name: string; text: string }) => string;

/** One key for a message, whichever way it came. */
export const keyOf = (author: string, id: string): string => `${author} ${id}`;

const topicOf = (author: string): string => `message ${author}`;

/** What is told of messages of others to somebody who does not see them. */
export class Announcements {
  #announced = new Set<string>();
  /** Whose messages a notice may be telling of. */
  readonly #shown = new Set<string>();

  constructor(private readonly call: Call) {}

  /** Told once, however it came, and only to who does not see it anyway. */
  announce({ author, id, text, name }: News, say: Saying = m.new_message): void {
    const key = keyOf(author, id);
    if (this.#announced.has(key)) return;
    this.#announced.add(key);
    const { call } = this;
    const said = say({ name, text: text === "" ? m.chat_image_of({ name }) : text });
    if (call.panels.open === "chat" && !document.hidden) call.notices.say(said);
    else {
      this.#shown.add(author);
      call.notices.show(said, {
        topic: topicOf(author),
        button: { label: m.chat_reply(), press: () => call.panels.show("chat") },
      });
    }
  }

  withdraw(author: string): void {
    this.call.notices.withdraw(topicOf(author));
  }

  withdrawAll(): void {
    for (const author of this.#shown) this.withdraw(author);
    this.#shown.clear();
  }
}
