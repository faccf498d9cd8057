import type { Call } from "../../app/call.svelte.ts";
import { read, write } from "../../app/store.ts";
import type { Durable } from "../../meeting/fold.ts";
import * as m from "../../paraglide/messages.js";
import { makeId } from "../../wire/ids.ts";
import type { ChatMessage, Image, Room } from "../../wire/types.gen.ts";
import { Addressee } from "./addressee.svelte.ts";
import { Announcements, keyOf, type News, type Saying } from "./announcements.ts";
import { Editing } from "./editing.svelte.ts";
import { Finding } from "./finding.svelte.ts";
import { Hints, type Unsaved } from "./hints.svelte.ts";
import { Attachment } from "./images.svelte.ts";
import type { Mentionable } from "./mentions.ts";
import { CHAT_TOPIC, type Outgoing } from "./outgoing.ts";
import { Outbox } from "./outbox.svelte.ts";
import { Reading } from "./reading.svelte.ts";

import { Timeline } from "./timeline.svelte.ts";
import { Typing } from "./typing.svelte.ts";

/** The chat of one call: what the room holds, what is on its way, and what was read. */
export class Chat {
  readonly timeline: Timeline;
  readonly reading: Reading;
  readonly typing: Typing;
  readonly finding: Finding;
  readonly outbox: Outbox;
  readonly hints: Hints;
  replyTo = $state.raw<ChatMessage | null>(null);
  readonly editing = new Editing();
  /** Whom the next message is for; null is everybody. Nobody but the author changes it. */
  readonly addressee: Addressee;
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
  #announcements: Announcements;
  /** Messages that were read before they were saved. */
  #read = $state.raw<ReadonlySet<string>>(new Set());

  constructor(call: Call) {
    this.#call = call;
    const { slug } = call.room;
    this.attachment = new Attachment(call);
    this.draft = read("sessionStorage", `moim.draft.${slug}`) ?? "";
    this.addressee = new Addressee(call);
    this.timeline = new Timeline(call);
    this.reading = new Reading(call, this.timeline.lastSeq);
    this.typing = new Typing(call);
    this.finding = new Finding(call);
    this.hints = new Hints(call);
    this.#announcements = new Announcements(call);
    this.#off = [
      call.onEvent((event, before) => this.#happened(event, before)),
      call.onReplaced((before, after) => this.timeline.replaced(before, after)),
      call.onOnline(() => (this.hints.all = this.unsavedShown)),
      call.session.data.on(CHAT_TOPIC, (from, payload) => this.#hinted(from, payload)),
      call.onPassing("typing", ({ from, payload }) =>
        this.typing.heard(from, payload["typing"] === true),
      ),
    ];
    this.outbox = new Outbox(call);
  }

  /** Everything that is saved and loaded, oldest first. */
  get messages(): readonly ChatMessage[] {
    return this.timeline.messages;
  }

  /** What others sent and the server does not show yet. */
  get unsavedShown(): readonly Unsaved[] {
    return this.hints.shown(this.timeline.held);
  }

  /** What is on its way and the room does not show yet. */
  get outgoingShown(): readonly Outgoing[] {
    return this.outbox.shown(this.timeline.held);
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
    this.editing.end();
    this.replyTo = message;
    const alone = message.to !== null && message.author === me ? message.to : message.author;
    const toOne = privately || message.to !== null;
    this.addressee.choose(toOne ? alone : null, this.nameOf(alone));
  }

  /** The newest is on the screen of somebody who looks. */
  markSeen(): void {
    this.reading.seen(this.timeline.lastSeq);
    const unread = this.hints.all.map(({ author, id }) => keyOf(author, id));
    if (unread.some((key) => !this.#read.has(key))) {
      this.#read = new Set([...this.#read, ...unread]);
    }
    this.#announcements.withdrawAll();
  }

  /** Whom the next message is for; null is everybody. */
  get to(): string | null {
    return this.addressee.identity;
  }

  writeTo(identity: string | null): void {
    this.addressee.choose(identity);
    this.replyTo = null;
    this.typing.writes("");
  }

  change(message: ChatMessage): void {
    this.replyTo = null;
    this.editing.begin(message);
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
    this.keepDraft("");
    this.outbox.send(message);
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
    for (const off of this.#off) off();
    this.outbox.close();
    this.attachment.close();
    this.finding.close();
  }

  // -------------------------------------------------------------------------- internals

  #happened(event: Durable, before: Room): void {
    this.timeline.happened(event, before);
    switch (event.type) {
      case "chat.sent":
      case "private.sent":
        this.#arrived(
          {
            author: event.actor,
            id: event.command_id,
            text: event.payload.text,
            name: event.payload.name,
          },
          this.#saying(event),
        );
        return;
      case "chat.deleted":
      case "private.deleted":
        this.#forget(event.payload.about, before);
        return;
      default:
        return;
    }
  }

  #saying(event: Durable): Saying {
    if (event.type === "private.sent") return m.new_private_message;
    const me = this.#call.seat.identity;
    const isNamed =
      event.type === "chat.sent" && event.payload.mentions.some(({ identity }) => identity === me);
    return isNamed ? m.chat_mentioned_you : m.new_message;
  }

  /** What was taken back is quoted and announced no longer. */
  #forget(seq: number, before: Room): void {
    if (this.replyTo?.seq === seq) this.replyTo = null;
    const written = this.editing.forget(seq);
    if (written !== null && this.draft.trim() === "") this.keepDraft(written);
    this.finding.forget(seq);
    const own = before.slices.private.boxes[this.#call.seat.identity] ?? [];
    const author = [...before.slices.chat.messages, ...own].find((one) => one.seq === seq)?.author;
    if (author !== undefined) this.#announcements.withdraw(author);
  }

  #hinted(from: string, payload: unknown): void {
    const news = this.hints.take(from, payload);
    if (news) this.#announcements.announce(news);
  }

  #arrived(news: News, say: Saying): void {
    const { author, id } = news;
    this.hints.saved(author, id);
    if (author === this.#call.seat.identity) {
      this.outbox.discard(id);
      return;
    }
    this.typing.heard(author, false);
    this.#announcements.announce(news, say);
  }
}
