import type { Call } from "../../app/call.svelte.ts";
import { codeOf } from "../../app/refusals.ts";
import { read, write } from "../../app/store.ts";
import { changeMessage } from "../../meeting/slices/chat.ts";
import * as m from "../../paraglide/messages.js";
import { makeId } from "../../wire/ids.ts";
import { type ChatMessage, type Image, MESSAGES_HELD, type Room } from "../../wire/types.gen.ts";
import { Attachment } from "./images.svelte.ts";
import {
  fitsChannel,
  type Hint,
  keepOutgoing,
  type Outgoing,
  readHint,
  recallOutgoing,
  unheard,
} from "./outgoing.ts";

const TOPIC = "chat";
const PAGE = 50;
/** What somebody else may have lying here unsaved. */
const HINTS_LIMIT = 200;
const ANSWER_MS = 12_000;
/** While the server is away and nobody else is there: then the author is told. */
const PATIENCE_MS = 5_000;
const TYPING_AGAIN_MS = 3_000;
const TYPING_FADES_MS = 6_000;

/** Somebody else's message that the server does not have yet. */
export interface Unsaved extends Hint {
  readonly author: string;
  /** As it was when the message came: its author may leave before it is saved. */
  readonly name: string;
}

const keyOf = (author: string, id: string): string => `${author} ${id}`;
const topicOf = (author: string): string => `message ${author}`;

/** The chat of one call: what the room holds, what is on its way, and what was read. */
export class Chat {
  /** Older pages, oldest first; the fold holds what came after them. */
  #older = $state.raw<readonly ChatMessage[]>([]);
  #seen = $state(0);
  outgoing = $state.raw<readonly Outgoing[]>([]);
  unsaved = $state.raw<readonly Unsaved[]>([]);
  history = $state<"idle" | "loading" | "failed" | "complete">("idle");
  replyTo = $state.raw<ChatMessage | null>(null);
  editing = $state.raw<ChatMessage | null>(null);
  /** What stands in the field: kept while the panel is closed and over a reload. */
  draft = $state("");
  /** The picture that waits to be sent with it: kept just so. */
  readonly attachment: Attachment;
  #typing = $state.raw<ReadonlyMap<string, number>>(new Map());

  #call: Call;
  #off: (() => void)[];
  #flushing = false;
  #typed_ms = 0;
  #announced = new Set<string>();
  /** Whose messages a notice may be telling of. */
  readonly #shown = new Set<string>();
  /** Messages that were read before they were saved. */
  #read = $state.raw<ReadonlySet<string>>(new Set());
  #closed = false;

  constructor(call: Call) {
    this.#call = call;
    const { slug } = call.room;
    const me = call.seat.identity;
    this.attachment = new Attachment(call);
    this.outgoing = recallOutgoing(slug, me);
    this.draft = read("sessionStorage", `moim.draft.${slug}`) ?? "";
    this.#seen = this.#lastSeq();
    // A fold that is not full holds everything there ever was.
    if (call.room.slices.chat.messages.length < MESSAGES_HELD) this.history = "complete";
    this.#off = [
      call.onEvent((event, before, after) => {
        if (event.type === "chat.sent") {
          this.#keepPushedOut(before, after);
          this.#arrived(event.actor, event.command_id, event.payload);
        } else this.#older = this.#older.map((message) => changeMessage(message, event));
        if (event.type === "chat.deleted") this.#forget(event.payload.about, before);
      }),
      call.onReplaced((before, after) => this.#replaced(before, after)),
      call.onOnline(() => this.#resumed()),
      call.onOffline(() => {
        this.#spread();
        for (const { id, state } of this.outgoing) if (state === "sending") this.#expect(id);
      }),
      call.session.data.on(TOPIC, (from, payload) => this.#hinted(from, payload)),
      call.session.on("peer", ({ data }) => {
        if (data && !call.connection.online) this.#spread();
      }),
      call.onPassing("typing", ({ from, payload }) =>
        this.#wrote(from, payload["typing"] === true),
      ),
    ];
  }

  /** The fold lets go of its oldest message with each new one; the screen does not. */
  #keepPushedOut(before: Room, after: Room): void {
    const first = after.slices.chat.messages[0]?.seq ?? 0;
    const gone = before.slices.chat.messages.filter(({ seq }) => seq < first);
    if (gone.length > 0) this.#older = [...this.#older, ...gone];
  }

  /** Everything that is saved, oldest first. */
  get messages(): readonly ChatMessage[] {
    const held = this.#call.room.slices.chat.messages;
    const first = held[0]?.seq ?? Infinity;
    return [...this.#older.filter(({ seq }) => seq < first), ...held];
  }

  /** What others sent and the server does not show yet. */
  get unsavedShown(): readonly Unsaved[] {
    const saved = new Set(this.messages.map(({ command_id, author }) => keyOf(author, command_id)));
    return this.unsaved.filter(({ author, id }) => !saved.has(keyOf(author, id)));
  }

  /** What is on its way and the room does not show yet. */
  get outgoingShown(): readonly Outgoing[] {
    const me = this.#call.seat.identity;
    const saved = new Set(
      this.messages.filter(({ author }) => author === me).map(({ command_id }) => command_id),
    );
    return this.outgoing.filter(({ id }) => !saved.has(id));
  }

  get unread(): number {
    const me = this.#call.seat.identity;
    const news = this.#call.room.slices.chat.messages.filter(
      (one) =>
        one.seq > this.#seen &&
        one.author !== me &&
        !one.deleted &&
        !this.#read.has(keyOf(one.author, one.command_id)),
    );
    const unsaved = this.unsavedShown.filter(
      ({ author, id }) => !this.#read.has(keyOf(author, id)),
    );
    return news.length + unsaved.length;
  }

  get typing(): readonly string[] {
    const now = this.#call.now_ms;
    return [...this.#typing].flatMap(([identity, until]) => {
      const name = this.#call.nameOf(identity);
      return until > now && name !== "" ? [name] : [];
    });
  }

  message(seq: number): ChatMessage | null {
    return this.messages.find((message) => message.seq === seq) ?? null;
  }

  /** The newest is on the screen of somebody who looks. */
  markSeen(): void {
    this.#seen = Math.max(this.#seen, this.#lastSeq());
    const unread = this.unsaved.map(({ author, id }) => keyOf(author, id));
    if (unread.some((key) => !this.#read.has(key))) {
      this.#read = new Set([...this.#read, ...unread]);
    }
    for (const author of this.#shown) this.#call.notices.withdraw(topicOf(author));
    this.#shown.clear();
  }

  keepDraft(text: string): void {
    this.draft = text;
    write("sessionStorage", `moim.draft.${this.#call.room.slug}`, text === "" ? null : text);
    const now = Date.now();
    if (text !== "" && now - this.#typed_ms > TYPING_AGAIN_MS) {
      this.#typed_ms = now;
      this.#call.pass("typing.set", { typing: true });
    } else if (text === "" && this.#typed_ms > 0) {
      this.#typed_ms = 0;
      this.#call.pass("typing.set", { typing: false });
    }
  }

  send(text: string, image: Image | null): void {
    const message: Outgoing = {
      id: makeId(),
      text,
      reply_to: this.replyTo?.seq ?? null,
      image,
      at_ms: Date.now(),
      state: "sending",
      why: null,
    };
    this.replyTo = null;
    this.#keep([...this.outgoing, message]);
    this.keepDraft("");
    this.#go(message.id);
  }

  retry(id: string): void {
    this.#change(id, { state: "sending", why: null });
    this.#go(id);
  }

  discard(id: string): void {
    this.#keep(this.outgoing.filter((one) => one.id !== id));
  }

  async edit(message: ChatMessage, text: string): Promise<boolean> {
    if (text === message.text) return true;
    return this.#call.do("chat.edit", { seq: message.seq, text });
  }

  remove(message: ChatMessage): void {
    this.#call.questions.ask({
      title: m.chat_delete_question(),
      text: m.chat_delete_text(),
      yes: m.chat_delete(),
      danger: true,
      answered: () => void this.#call.do("chat.delete", { seq: message.seq }),
    });
  }

  async loadEarlier(): Promise<void> {
    if (this.history === "loading" || this.history === "complete") return;
    this.history = "loading";
    try {
      const first = this.messages[0]?.seq ?? null;
      const page = (await this.#call.command("chat.history", {
        before_seq: first,
        limit: PAGE,
      })) as { messages?: readonly ChatMessage[]; more?: boolean };
      // Another room came meanwhile: this page does not join on to it.
      if ((this.messages[0]?.seq ?? null) !== first) return;
      const got = page.messages ?? [];
      const known = new Set(this.#older.map(({ seq }) => seq));
      this.#older = [...got.filter(({ seq }) => !known.has(seq)), ...this.#older];
      this.history = page.more ? "idle" : "complete";
    } catch {
      this.history = "failed";
    }
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#off) off();
    this.attachment.close();
  }

  // -------------------------------------------------------------------------- internals

  #lastSeq(): number {
    return this.#call.room.slices.chat.messages.at(-1)?.seq ?? 0;
  }

  #go(id: string): void {
    if (!this.#call.connection.online) {
      this.#spread();
      this.#expect(id);
    }
    void this.#flush();
  }

  /** The server is there again: what nobody answered goes out by itself. */
  #resumed(): void {
    this.unsaved = this.unsavedShown;
    if (this.outgoing.some(unheard)) {
      this.#keep(
        this.outgoing.map((one) => (unheard(one) ? { ...one, state: "sending", why: null } : one)),
      );
    }
    void this.#flush();
  }

  /** Who is alone without a server is not left waiting without a word. */
  #expect(id: string): void {
    setTimeout(() => {
      const waits = this.outgoing.some((one) => one.id === id && one.state === "sending");
      if (!this.#closed && waits && !this.#call.connection.online) {
        this.#change(id, { state: "failed", why: "offline" });
      }
    }, PATIENCE_MS);
  }

  /** Older pages are followed by events alone; where some were missed, they are loaded anew. */
  #replaced(before: Room, after: Room): void {
    if (before.streams["room"] === after.streams["room"]) return;
    this.#older = [];
    this.history = after.slices.chat.messages.length < MESSAGES_HELD ? "complete" : "idle";
  }

  /** What was taken back is quoted and announced no longer. */
  #forget(seq: number, before: Room): void {
    if (this.replyTo?.seq === seq) this.replyTo = null;
    const author = before.slices.chat.messages.find((one) => one.seq === seq)?.author;
    if (author !== undefined) this.#call.notices.withdraw(topicOf(author));
  }

  /** One after the other, so that they stand in the order in which they were written. */
  async #flush(): Promise<void> {
    if (this.#flushing || !this.#call.connection.online) return;
    this.#flushing = true;
    try {
      for (;;) {
        const next = this.outgoing.find(({ state }) => state !== "failed");
        if (!next || !this.#call.connection.online) return;
        if (!(await this.#deliver(next))) return;
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** False when the server went away meanwhile: the message then waits for it. */
  async #deliver(message: Outgoing): Promise<boolean> {
    const { id, text, reply_to, image } = message;
    try {
      await this.#call.command(
        "chat.send",
        { text, reply_to, image: image?.file_id ?? null },
        { id, timeoutMs: ANSWER_MS },
      );
      this.discard(id);
      return true;
    } catch (error) {
      if (!this.#call.connection.online) {
        this.#spread();
        return false;
      }
      this.#change(id, { state: "failed", why: codeOf(error) });
      return true;
    }
  }

  /** While the server is away: to those present, over the data channels, until it is back. */
  #spread(): void {
    const { data } = this.#call.session;
    if (data.reachable().length === 0) return;
    for (const one of this.outgoing) {
      const { id, text, reply_to, at_ms, image } = one;
      if ((one.state === "failed" && !unheard(one)) || image || !fitsChannel(text)) continue;
      const { sent } = data.send(TOPIC, { id, text, reply_to, at_ms } satisfies Hint);
      if (sent.length > 0) this.#change(id, { state: "unsaved", why: null });
    }
  }

  #hinted(from: string, payload: unknown): void {
    const hint = readHint(payload);
    if (!hint || !this.#call.people.some(({ identity }) => identity === from)) return;
    if (this.unsaved.some(({ id, author }) => id === hint.id && author === from)) return;
    const name = this.#call.nameOf(from);
    this.unsaved = [...this.unsaved, { ...hint, author: from, name }].slice(-HINTS_LIMIT);
    this.#announce(from, hint.id, hint.text);
  }

  #arrived(author: string, id: string, { text, name }: { text: string; name: string }): void {
    this.unsaved = this.unsaved.filter((one) => one.id !== id || one.author !== author);
    if (author === this.#call.seat.identity) {
      this.discard(id);
      return;
    }
    this.#wrote(author, false);
    this.#announce(author, id, text, name);
  }

  /** Told once, however it came, and only to who does not see it anyway. */
  #announce(author: string, id: string, text: string, name = this.#call.nameOf(author)): void {
    const key = keyOf(author, id);
    if (this.#announced.has(key)) return;
    this.#announced.add(key);
    const said = m.new_message({ name, text: text === "" ? m.chat_image_of({ name }) : text });
    if (this.#call.panels.open === "chat" && !document.hidden) this.#call.notices.say(said);
    else {
      this.#shown.add(author);
      this.#call.notices.show(said, {
        topic: topicOf(author),
        button: { label: m.chat_reply(), press: () => this.#call.panels.show("chat") },
      });
    }
  }

  #wrote(identity: string, typing: boolean): void {
    const next = new Map(this.#typing);
    if (typing) next.set(identity, Date.now() + TYPING_FADES_MS);
    else next.delete(identity);
    this.#typing = next;
  }

  #change(id: string, changes: Partial<Outgoing>): void {
    this.#keep(this.outgoing.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  }

  #keep(list: readonly Outgoing[]): void {
    // The call went on in another tab, or is over: the list is no longer this page's.
    if (this.#closed) return;
    this.outgoing = list;
    keepOutgoing(this.#call.room.slug, this.#call.seat.identity, list);
  }
}
