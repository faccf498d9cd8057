import type { Call } from "../../app/call.svelte.ts";
import { codeOf } from "../../app/refusals.ts";
import { NOT_NOW, NOT_NOW_MS } from "../../wire/link.ts";
import type { ChatMessage } from "../../wire/types.gen.ts";
import {
  CHAT_TOPIC,
  fitsChannel,
  type Hint,
  keepOutgoing,
  type Outgoing,
  recallOutgoing,
  unheard,
} from "./outgoing.ts";

const ANSWER_MS = 12_000;
/** While the server is away and nobody else is there: then the author is told. */
const PATIENCE_MS = 5_000;

/** One's own messages until the room shows them: one after the other, through every absence. */
export class Outbox {
  messages = $state.raw<readonly Outgoing[]>([]);

  #off: (() => void)[];
  #flushing = false;
  #closed = false;

  constructor(private readonly call: Call) {
    this.messages = recallOutgoing(call.room.slug, call.seat.identity);
    this.#off = [
      call.onOnline(() => this.#resumed()),
      call.onOffline(() => {
        this.#spread();
        for (const { id, state } of this.messages) if (state === "sending") this.#expect(id);
      }),
      call.session.on("peer", ({ data }) => {
        if (data && !call.connection.online) this.#spread();
      }),
    ];
  }

  /** What the room does not show yet. */
  shown(held: readonly ChatMessage[]): readonly Outgoing[] {
    const me = this.call.seat.identity;
    const saved = new Set(
      held.flatMap(({ author, command_id }) => (author === me ? [command_id] : [])),
    );
    return this.messages.filter(({ id }) => !saved.has(id));
  }

  send(message: Outgoing): void {
    this.#keep([...this.messages, message]);
    this.#go(message.id);
  }

  retry(id: string): void {
    this.#change(id, { state: "sending", why: null });
    this.#go(id);
  }

  discard(id: string): void {
    this.#keep(this.messages.filter((one) => one.id !== id));
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#off) off();
  }

  #go(id: string): void {
    if (!this.call.connection.online) {
      this.#spread();
      this.#expect(id);
    }
    void this.#flush();
  }

  /** The server is there again: what nobody answered goes out by itself. */
  #resumed(): void {
    if (this.messages.some(unheard)) {
      this.#keep(
        this.messages.map((one) => (unheard(one) ? { ...one, state: "sending", why: null } : one)),
      );
    }
    void this.#flush();
  }

  /** Who is alone without a server is not left waiting without a word. */
  #expect(id: string): void {
    setTimeout(() => {
      const waits = this.messages.some((one) => one.id === id && one.state === "sending");
      if (!this.#closed && waits && !this.call.connection.online) {
        this.#change(id, { state: "failed", why: "offline" });
      }
    }, PATIENCE_MS);
  }

  /** One after the other, so that they stand in the order in which they were written. */
  async #flush(): Promise<void> {
    if (this.#flushing || !this.call.connection.online) return;
    this.#flushing = true;
    try {
      for (;;) {
        const next = this.messages.find(({ state }) => state !== "failed");
        if (!next || !this.call.connection.online) return;
        if (!(await this.#deliver(next))) return;
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** False when the server or its storage went away meanwhile: the message then waits for it. */
  async #deliver(message: Outgoing): Promise<boolean> {
    const { id, text, reply_to, image, to, mentions } = message;
    const how = { id, timeoutMs: ANSWER_MS };
    try {
      if (to !== null) await this.call.command("private.send", { to, text, reply_to }, how);
      else {
        const said = { text, reply_to, image: image?.file_id ?? null, mentions: [...mentions] };
        await this.call.command("chat.send", said, how);
      }
      this.discard(id);
      return true;
    } catch (error) {
      if (!this.call.connection.online) {
        this.#spread();
        return false;
      }
      // The server is there and cannot write: what is on its way waits for that, without a word.
      if (NOT_NOW.includes(codeOf(error))) {
        setTimeout(() => void this.#flush(), NOT_NOW_MS);
        return false;
      }
      this.#change(id, { state: "failed", why: codeOf(error) });
      return true;
    }
  }

  /** While the server is away: to those present, over the data channels, until it is back. What is
   * for one alone waits for the server. */
  #spread(): void {
    const { data } = this.call.session;
    if (data.reachable().length === 0) return;
    for (const one of this.messages) {
      const { id, text, reply_to, at_ms, image } = one;
      if ((one.state === "failed" && !unheard(one)) || !fitsChannel(text)) continue;
      if (image || one.to !== null) continue;
      const { sent } = data.send(CHAT_TOPIC, { id, text, reply_to, at_ms } satisfies Hint);
      if (sent.length > 0) this.#change(id, { state: "unsaved", why: null });
    }
  }

  #change(id: string, changes: Partial<Outgoing>): void {
    this.#keep(this.messages.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  }

  #keep(list: readonly Outgoing[]): void {
    // The call went on in another tab, or is over: the list is no longer this page's.
    if (this.#closed) return;
    this.messages = list;
    keepOutgoing(this.call.room.slug, this.call.seat.identity, list);
  }
}
