import type { Call } from "../../app/call.svelte.ts";
import * as m from "../../paraglide/messages.js";
import { may } from "../../meeting/rights.ts";
import { makeId } from "../../wire/ids.ts";
import type { SharedFile } from "../../wire/types.gen.ts";
import { Keeping } from "./keeping.svelte.ts";
import { readSaid, safeName, TOPIC } from "./offers.ts";
import { Receiving } from "./receiving.svelte.ts";
import { Sending } from "./sending.svelte.ts";
import { ownFolder } from "./vault.ts";

/** What is fetched without asking: a document, a photograph. */
const UNASKED_BYTES = 10 * 1024 * 1024;
/** Offers of one participant that may wait or be under way. */
const OFFERS_LIMIT = 20;

/** A file of ours, on both of its ways. */
export interface Given {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly sending: Sending;
  readonly keeping: Keeping;
}

/** The files of one call: what the room keeps, what goes out and what comes in. */
export class Files {
  given = $state.raw<readonly Given[]>([]);
  received = $state.raw<readonly Receiving[]>([]);
  #seen = $state(0);
  #call: Call;
  #folder = ownFolder();
  #off: (() => void)[];
  /** Whose data channel is open: to whom it opens anew, what was cut off is offered again. */
  #open: Set<string>;

  constructor(call: Call) {
    this.#call = call;
    this.#seen = this.#lastSeq();
    const { session } = call;
    this.#open = new Set(session.data.reachable());
    this.#off = [
      session.data.on(TOPIC, (from, payload) => this.#heard(from, payload)),
      session.data.onStream(TOPIC, (source) => {
        const { id, from } = (source.head ?? {}) as { id?: unknown; from?: unknown };
        const wanted = this.#receiving(source.from, String(id));
        return typeof from === "number" && (wanted?.begins(source, from) ?? false);
      }),
      session.on("peer", ({ identity, data }) => {
        if (!data) this.#open.delete(identity);
        else if (!this.#open.has(identity)) {
          this.#open.add(identity);
          this.#cameBack(identity);
        }
      }),
      call.onOnline(() => this.given.forEach(({ keeping }) => keeping.resumed())),
      call.onEvent((event) => {
        if (event.type === "participant.left") {
          for (const { sending } of this.given) sending.left(event.payload.identity);
          for (const one of this.received) {
            if (one.from === event.payload.identity) one.cancelled();
          }
        }
        if (event.type === "file.shared" && event.payload.file) {
          this.#announce(event.payload.identity, event.payload.name, event.payload.file.file_name);
        }
      }),
    ];
  }

  /** What the room keeps, the newest first. */
  get kept(): readonly SharedFile[] {
    return this.#call.room.slices.file.files.toReversed();
  }

  /** Kept files that came since the panel was open. */
  get unread(): number {
    const me = this.#call.seat.identity;
    const offers = this.received.filter(({ state }) => state === "offered").length;
    const news = this.kept.filter(({ seq, identity }) => seq > this.#seen && identity !== me);
    return offers + news.length;
  }

  /** A file would not arrive if this page ended now. */
  get underWay(): boolean {
    return (
      this.given.some(({ sending, keeping }) => endsWithThePage(sending, keeping)) ||
      this.received.some(({ isUnderWay }) => isUnderWay)
    );
  }

  markSeen(): void {
    this.#seen = this.#lastSeq();
  }

  /** Gives files to those present, and to the room for who is not. */
  give(files: readonly File[]): void {
    const call = this.#call;
    if (call.isRefused("chat")) return;
    // Nothing is taken from who may not write, not even that a piece has arrived.
    const to = call.people.filter(
      ({ isMe, identity }) => !isMe && may(call.room, identity, "chat"),
    );
    const added = files.map((file): Given => {
      const id = makeId();
      const name = safeName(file.name);
      const sending = new Sending(call, id, file, name, to);
      return { id, name, size: file.size, sending, keeping: new Keeping(call, id, file, name) };
    });
    this.given = [...added, ...this.given];
    if (added.length > 0) call.panels.show("files");
  }

  cancel(given: Given): void {
    given.sending.cancel();
    given.keeping.cancel();
  }

  dismiss(one: Given | Receiving): void {
    if (one instanceof Receiving) {
      one.close();
      this.received = this.received.filter((other) => other !== one);
    } else {
      one.sending.close();
      this.given = this.given.filter((other) => other !== one);
    }
  }

  remove(file: SharedFile): void {
    this.#call.questions.ask({
      title: m.files_delete_question(),
      text: m.files_delete_text(),
      yes: m.files_delete(),
      danger: true,
      answered: () => void this.#call.do("file.delete", { seq: file.seq }),
    });
  }

  close(): void {
    for (const off of this.#off) off();
    for (const { sending, keeping } of this.given) {
      sending.close();
      keeping.close();
    }
    for (const one of this.received) one.close();
  }

  #lastSeq(): number {
    return this.#call.room.slices.file.files.at(-1)?.seq ?? 0;
  }

  #receiving(from: string, id: string): Receiving | undefined {
    return this.received.find((one) => one.from === from && one.id === id);
  }

  #heard(from: string, payload: unknown): void {
    const said = readSaid(payload);
    if (!said || !this.#call.people.some(({ identity }) => identity === from)) return;
    const incoming = this.#receiving(from, said.id);
    const sending = this.given.find(({ id }) => id === said.id)?.sending;
    const leg = sending?.leg(from);
    if (sending && leg) sending.heard(leg, said);
    else if (said.kind === "offer") {
      if (incoming) incoming.offeredAgain();
      else this.#offered(from, said.id, said.name, said.size);
    } else if (said.kind === "pause") incoming?.paused(said.on);
    else if (said.kind === "cancel") incoming?.cancelled();
  }

  #offered(from: string, id: string, name: string, size: number): void {
    const waiting = this.received.filter((one) => one.from === from && !one.isOver);
    if (waiting.length >= OFFERS_LIMIT) return;
    const who = this.#call.nameOf(from);
    const one = new Receiving(this.#call, this.#folder, from, who, id, name, size);
    this.received = [one, ...this.received];
    if (size <= UNASKED_BYTES) {
      one.accept();
      this.#call.notices.say(m.files_comes({ name: who, file: name }));
    } else this.#tell(from, m.files_offered({ name: who, file: name }));
  }

  #cameBack(identity: string): void {
    for (const { sending } of this.given) {
      const leg = sending.leg(identity);
      if (leg && leg.state === "offered") sending.offer(leg);
    }
  }

  #announce(identity: string, name: string, file: string): void {
    if (identity === this.#call.seat.identity) return;
    this.#tell(identity, m.files_shared({ name, file }));
  }

  /** Shown to who does not see the list anyway. */
  #tell(about: string, said: string): void {
    if (this.#call.panels.open === "files" && !document.hidden) this.#call.notices.say(said);
    else {
      this.#call.notices.show(said, {
        topic: `files ${about}`,
        panel: "files",
        button: { label: m.files_open(), press: () => this.#call.panels.show("files") },
      });
    }
  }
}

/** Once the room keeps it, whoever has not said yes can have it from there. */
export function endsWithThePage(
  sending: Pick<Sending, "isOver" | "legs">,
  keeping: Pick<Keeping, "isOver" | "state">,
): boolean {
  if (!keeping.isOver) return true;
  if (keeping.state === "done") return sending.legs.some(({ state }) => state === "sending");
  return !sending.isOver;
}
