import type { Call } from "../../app/call.svelte.ts";
import { codeOf } from "../../app/refusals.ts";
import { read, write } from "../../app/store.ts";
import type { Durable } from "../../meeting/fold.ts";
import * as m from "../../paraglide/messages.js";
import { makeId } from "../../wire/ids.ts";
import type { ChatMessage, Image, Room } from "../../wire/types.gen.ts";
import { Finding } from "./finding.svelte.ts";
import { Attachment } from "./images.svelte.ts";
import type { Mentionable } from "./mentions.ts";
import {
  fitsChannel,
  type Hint,
  keepOutgoing,
  type Outgoing,
  readHint,
  recallOutgoing,
  unheard,
} from "./outgoing.ts";
import { Reading } from "./reading.svelte.ts";
import { Timeline } from "./timeline.svelte.ts";
import { Typing } from "./typing.svelte.ts";

const TOPIC = "chat";
/** What somebody else may have lying here unsaved. */
const HINTS_LIMIT = 200;
const ANSWER_MS = 12_000;
/** The server is there and its storage is not: what is on its way waits for that, without a word. */
const STORAGE_AWAY_MS = 1_000;
/** While the server is away and nobody else is there: then the author is told. */
const PATIENCE_MS = 5_000;

/** Somebody else's message that the server does not have yet. */
export interface Unsaved extends Hint {
  readonly author: string;
  /** As it was when the message came: its author may leave before it is saved. */
  readonly name: string;
}

type Saying = (what: { name: string; text: string }) => string;

const keyOf = (author: string, id: string): string => `${author} ${id}`;
const topicOf = (author: string): string => `message ${author}`;

/** The chat of one call: what the room holds, what is on its way, and what was read. */
export class Chat {
  readonly timeline: Timeline;
  readonly reading: Reading;
  readonly typing: Typing;
  readonly finding: Finding;
  outgoing = $state.raw<readonly Outgoing[]>([]);
  unsaved = $state.raw<readonly Unsaved[]>([]);
  replyTo = $state.raw<ChatMessage | null>(null);
  editing = $state.raw<ChatMessage | null>(null);
  to = $state<string | null>(null);
  /** The message to go to; the list takes it from here. */
  target = $state<number | null>(null);
  /** On the way to it: what loads meanwhile does not pull the list to its end. */
  going = $state(false);
  /** What stands in the field: kept while the panel is closed and over a reload. */
  draft = $state("");
  /** The picture that waits to be sent with it: kept just so. */
  readonly attachment: Attachment;

  #call: Call;
  #off: (() => void)[];
  #flushing = false;
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
    this.timeline = new Timeline(call);
    this.reading = new Reading(call, this.timeline.lastSeq);
    this.typing = new Typing(call);
    this.finding = new Finding(call);
    this.#off = [
      call.onEvent((event, before) => this.#happened(event, before)),
      call.onReplaced((before, after) => this.timeline.replaced(before, after)),
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
        this.typing.heard(from, payload["typing"] === true),
      ),
    ];
  }

  /** Everything that is saved and loaded, oldest first. */
  get messages(): readonly ChatMessage[] {
    return this.timeline.messages;
  }

  /** What others sent and the server does not show yet. */
  get unsavedShown(): readonly Unsaved[] {
    const saved = new Set(
      this.timeline.held.map(({ command_id, author }) => keyOf(author, command_id)),
    );
    return this.unsaved.filter(({ author, id }) => !saved.has(keyOf(author, id)));
  }

  /** What is on its way and the room does not show yet. */
  get outgoingShown(): readonly Outgoing[] {
    const me = this.#call.seat.identity;
    const saved = new Set(
      this.timeline.held.flatMap(({ author, command_id }) => (author === me ? [command_id] : [])),
    );
    return this.outgoing.filter(({ id }) => !saved.has(id));
  }

  /** What came since one last looked, oldest first. */
  get news(): readonly ChatMessage[] {
    const me = this.#call.seat.identity;
    return this.timeline.held.filter(
      (one) => this.reading.isNew(one, me) && !this.#read.has(keyOf(one.author, one.command_id)),
    );
  }

  get unread(): number {
    const unsaved = this.unsavedShown.filter(
      ({ author, id }) => !this.#read.has(keyOf(author, id)),
    );
    return this.news.length + unsaved.length;
  }

  /** Who may be mentioned: those present, and who wrote here before. */
  get mentionable(): readonly Mentionable[] {
    const { people, room, seat } = this.#call;
    const present = people.map(({ identity, name }) => ({ identity, name, present: true }));
    const here = new Set(present.map(({ identity }) => identity));
    const past = room.slices.chat.writers
      .filter(({ identity }) => !here.has(identity))
      .map(({ identity, name }) => ({ identity, name, present: false }));
    return [...present, ...past.reverse()].filter(({ identity }) => identity !== seat.identity);
  }

  /** The name of somebody who sits here or wrote here; empty for anybody else. */
  nameOf(identity: string): string {
    const { writers } = this.#call.room.slices.chat;
    return (
      this.#call.nameOf(identity) ||
      (writers.find((writer) => writer.identity === identity)?.name ?? "")
    );
  }

  message(seq: number): ChatMessage | null {
    return this.timeline.message(seq);
  }

  /** Shows a message in its place, however far back it is. */
  async goTo(seq: number): Promise<void> {
    this.going = true;
    try {
      if (await this.timeline.reach(seq)) {
        this.target = seq;
        return;
      }
      this.going = false;
      this.#call.notices.show(m.chat_reply_gone_why());
    } catch (error) {
      this.going = false;
      this.#call.complain(error, () => void this.goTo(seq));
    }
  }

  /** A reply goes to those who saw the message. */
  answer(message: ChatMessage, privately = false): void {
    const me = this.#call.seat.identity;
    this.editing = null;
    this.replyTo = message;
    if (message.to !== null) this.to = message.author === me ? message.to : message.author;
    else this.to = privately ? message.author : null;
  }

  /** The newest is on the screen of somebody who looks. */
  markSeen(): void {
    this.reading.seen(this.timeline.lastSeq);
    const unread = this.unsaved.map(({ author, id }) => keyOf(author, id));
    if (unread.some((key) => !this.#read.has(key))) {
      this.#read = new Set([...this.#read, ...unread]);
    }
    for (const author of this.#shown) this.#call.notices.withdraw(topicOf(author));
    this.#shown.clear();
  }

  /** Whom the next message is for; null is everybody. */
  writeTo(identity: string | null): void {
    this.to = identity;
    this.replyTo = null;
    this.typing.writes("");
  }

  change(message: ChatMessage): void {
    this.replyTo = null;
    this.editing = message;
  }

  keepDraft(text: string): void {
    this.draft = text;
    write("sessionStorage", `moim.draft.${this.#call.room.slug}`, text === "" ? null : text);
    // What is said to one alone is not announced to all.
    this.typing.writes(this.to === null ? text : "");
  }

  send(text: string, image: Image | null, mentions: readonly string[]): void {
    const message: Outgoing = {
      id: makeId(),
      text,
      reply_to: this.replyTo?.seq ?? null,
      image: this.to === null ? image : null,
      mentions: this.to === null ? mentions : [],
      to: this.to,
      at_ms: Date.now(),
      state: "sending",
      why: null,
    };
    this.replyTo = null;
    this.reading.end();
    this.timeline.backToEnd();
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

  async edit(message: ChatMessage, text: string, mentions: readonly string[]): Promise<boolean> {
    if (text === message.text) return true;
    return this.#call.do("chat.edit", { seq: message.seq, text, mentions: [...mentions] });
  }

  /** The same emoji again takes it back. */
  react(message: ChatMessage, emoji: string): void {
    const mine = message.reactions[this.#call.seat.identity];
    const reaction = mine === emoji ? null : emoji;
    void this.#call.do("chat.react", { seq: message.seq, reaction });
  }

  remove(message: ChatMessage): void {
    this.#call.questions.ask({
      title: m.chat_delete_question(),
      text: message.to === null ? m.chat_delete_text() : m.chat_private_delete_text(),
      yes: m.chat_delete(),
      danger: true,
      answered: () => {
        const { seq, to } = message;
        void this.#call.do(to === null ? "chat.delete" : "private.delete", { seq });
      },
    });
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#off) off();
    this.attachment.close();
    this.finding.close();
  }

  // -------------------------------------------------------------------------- internals

  #happened(event: Durable, before: Room): void {
    this.timeline.happened(event, before);
    switch (event.type) {
      case "chat.sent": {
        const { text, name, mentions } = event.payload;
        const me = this.#call.seat.identity;
        const say = mentions.some(({ identity }) => identity === me)
          ? m.chat_mentioned_you
          : m.new_message;
        this.#arrived(event.actor, event.command_id, text, name, say);
        return;
      }
      case "private.sent": {
        const { text, name } = event.payload;
        this.#arrived(event.actor, event.command_id, text, name, m.new_private_message);
        return;
      }
      case "chat.deleted":
      case "private.deleted":
        this.#forget(event.payload.about, before);
        return;
      case "participant.left":
        if (event.payload.identity === this.to) this.to = null;
        return;
      default:
        return;
    }
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

  /** What was taken back is quoted and announced no longer. */
  #forget(seq: number, before: Room): void {
    if (this.replyTo?.seq === seq) this.replyTo = null;
    this.finding.forget(seq);
    const own = before.slices.private.boxes[this.#call.seat.identity] ?? [];
    const author = [...before.slices.chat.messages, ...own].find((one) => one.seq === seq)?.author;
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

  /** False when the server or its storage went away meanwhile: the message then waits for it. */
  async #deliver(message: Outgoing): Promise<boolean> {
    const { id, text, reply_to, image, to, mentions } = message;
    const how = { id, timeoutMs: ANSWER_MS };
    try {
      if (to !== null) await this.#call.command("private.send", { to, text, reply_to }, how);
      else {
        const said = { text, reply_to, image: image?.file_id ?? null, mentions: [...mentions] };
        await this.#call.command("chat.send", said, how);
      }
      this.discard(id);
      return true;
    } catch (error) {
      if (!this.#call.connection.online) {
        this.#spread();
        return false;
      }
      if (codeOf(error) === "unavailable") {
        setTimeout(() => void this.#flush(), STORAGE_AWAY_MS);
        return false;
      }
      this.#change(id, { state: "failed", why: codeOf(error) });
      return true;
    }
  }

  /** While the server is away: to those present, over the data channels, until it is back. What is
   * for one alone waits for the server. */
  #spread(): void {
    const { data } = this.#call.session;
    if (data.reachable().length === 0) return;
    for (const one of this.outgoing) {
      const { id, text, reply_to, at_ms, image } = one;
      if ((one.state === "failed" && !unheard(one)) || !fitsChannel(text)) continue;
      if (image || one.to !== null) continue;
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

  #arrived(author: string, id: string, text: string, name: string, say: Saying): void {
    this.unsaved = this.unsaved.filter((one) => one.id !== id || one.author !== author);
    if (author === this.#call.seat.identity) {
      this.discard(id);
      return;
    }
    this.typing.heard(author, false);
    this.#announce(author, id, text, name, say);
  }

  /** Told once, however it came, and only to who does not see it anyway. */
  #announce(
    author: string,
    id: string,
    text: string,
    name = this.#call.nameOf(author),
    say: Saying = m.new_message,
  ): void {
    const key = keyOf(author, id);
    if (this.#announced.has(key)) return;
    this.#announced.add(key);
    const said = say({ name, text: text === "" ? m.chat_image_of({ name }) : text });
    if (this.#call.panels.open === "chat" && !document.hidden) this.#call.notices.say(said);
    else {
      this.#shown.add(author);
      this.#call.notices.show(said, {
        topic: topicOf(author),
        button: { label: m.chat_reply(), press: () => this.#call.panels.show("chat") },
      });
    }
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
