import type { Call } from "../../app/call.svelte.ts";
import type { Durable } from "../../meeting/fold.ts";
import { changeMessage } from "../../meeting/messages.ts";
import { type ChatMessage, MESSAGES_HELD, type Room } from "../../wire/types.gen.ts";

const PAGE = 50;
/** To either side of a message that was jumped to. */
const AROUND = 30;
/** So many pages are read at once to put private messages among those of the room. */
const PAGES_AT_START = 4;

interface Page {
  readonly messages: readonly ChatMessage[];
  readonly more: boolean;
}

/**
 * The messages that are loaded, those of the room and one's private ones in one line. It follows
 * the end; after a jump far back it shows a window of its own until it has caught up.
 */
export class Timeline {
  /** Pages and what the fold has let go, oldest first; the fold holds what came after them. */
  #older = $state.raw<readonly ChatMessage[]>([]);
  /** Everything with this seq and above is held. */
  #from = $state(0);
  #window = $state.raw<readonly ChatMessage[] | null>(null);
  history = $state<"idle" | "loading" | "failed" | "complete">("idle");
  #loadingLater = false;
  #call: Call;

  /** Everything that is shown, oldest first. */
  readonly messages: readonly ChatMessage[] = $derived.by(() => this.#window ?? this.#newest);
  readonly #newest: readonly ChatMessage[] = $derived.by(() => {
    const held = this.held;
    const known = new Set(held.map(({ seq }) => seq));
    const rest = this.#older.filter(({ seq }) => !known.has(seq));
    return inOrder([...rest, ...held].filter(({ seq }) => seq >= this.#from));
  });

  constructor(call: Call) {
    this.#call = call;
    this.#begin();
  }

  /** What the fold holds of the room and of one's own box. */
  get held(): readonly ChatMessage[] {
    return heldIn(this.#call.room, this.#call.seat.identity);
  }

  get lastSeq(): number {
    return Math.max(0, ...this.held.map(({ seq }) => seq));
  }

  /** Far from the end: what is new does not show below it. */
  get detached(): boolean {
    return this.#window !== null;
  }

  message(seq: number): ChatMessage | null {
    const find = (list: readonly ChatMessage[]): ChatMessage | undefined =>
      list.find((one) => one.seq === seq);
    return find(this.messages) ?? find(this.held) ?? find(this.#older) ?? null;
  }

  /** The fold lets go of its oldest message with each new one; the screen does not. */
  happened(event: Durable, before: Room): void {
    if (event.type === "chat.sent" || event.type === "private.sent") {
      const now = new Set(this.held.map(({ seq }) => seq));
      const gone = heldIn(before, this.#call.seat.identity).filter(({ seq }) => !now.has(seq));
      if (gone.length > 0) this.#older = inOrder([...this.#older, ...gone]);
      return;
    }
    this.#older = this.#older.map((message) => changeMessage(message, event));
    if (this.#window) this.#window = this.#window.map((message) => changeMessage(message, event));
  }

  /** Pages are followed by events alone; where some were missed, they are loaded anew. */
  replaced(before: Room, after: Room): void {
    const streams = ["room", `p:${this.#call.seat.identity}`];
    if (streams.every((name) => before.streams[name] === after.streams[name])) return;
    this.#older = [];
    this.#window = null;
    this.#begin();
  }

  async loadEarlier(): Promise<void> {
    if (this.history === "loading" || this.history === "complete") return;
    this.history = "loading";
    const first = this.messages[0]?.seq ?? null;
    try {
      const page = await this.#page({ before_seq: first, limit: PAGE });
      // Another room came meanwhile: this page does not join on to it.
      if ((this.messages[0]?.seq ?? null) !== first) return;
      if (this.#window) this.#window = inOrder([...page.messages, ...this.#window]);
      else this.#join(page);
      this.history = page.more ? "idle" : "complete";
    } catch {
      this.history = "failed";
    }
  }

  /** After a jump: on towards the end. */
  async loadLater(): Promise<void> {
    const last = this.#window?.at(-1);
    if (!last || this.#loadingLater) return;
    this.#loadingLater = true;
    try {
      const page = await this.#page({ after_seq: last.seq, limit: PAGE });
      if (this.#window?.at(-1) !== last) return;
      this.#show([...this.#window, ...page.messages], page.more);
    } catch {
      // It is asked again when one scrolls on.
    } finally {
      this.#loadingLater = false;
    }
  }

  /** Loads a message with what stands around it; false when it is not there to be seen. */
  async reach(seq: number): Promise<boolean> {
    if (this.messages.some((one) => one.seq === seq)) return true;
    if (this.#newest.some((one) => one.seq === seq)) {
      this.backToEnd();
      return true;
    }
    const [before, after] = await Promise.all([
      this.#page({ before_seq: seq + 1, limit: AROUND }),
      this.#page({ after_seq: seq, limit: AROUND }),
    ]);
    if (before.messages.at(-1)?.seq !== seq) return false;
    this.history = before.more ? "idle" : "complete";
    this.#show([...before.messages, ...after.messages], after.more);
    return true;
  }

  backToEnd(): void {
    if (!this.#window) return;
    this.#window = null;
    this.history = this.#from === 0 ? "complete" : "idle";
  }

  // -------------------------------------------------------------------------- internals

  #begin(): void {
    const { chat } = this.#call.room.slices;
    // A fold that is not full holds everything there ever was.
    const full = chat.messages.length >= MESSAGES_HELD;
    this.#from = full ? (chat.messages[0]?.seq ?? 0) : 0;
    this.history = full ? "idle" : "complete";
    // One's box is emptied with one's seat: what was said in private before is in the store alone.
    if (this.#call.room.streams[`p:${this.#call.seat.identity}`]) void this.#fillIn();
  }

  async #fillIn(): Promise<void> {
    const from = this.#from;
    let before_seq: number | null = null;
    try {
      for (let pages = 0; pages < PAGES_AT_START; pages += 1) {
        const page: Page = await this.#page({ before_seq, limit: PAGE * 2 });
        if (this.#from !== from) return;
        this.#older = merged(page.messages, this.#older);
        before_seq = page.messages[0]?.seq ?? 0;
        if (!page.more || before_seq <= from) break;
      }
    } catch {
      return; // Offline: the room's own are there, and the rest with the next connection.
    }
  }

  #join(page: Page): void {
    this.#older = merged(page.messages, this.#older);
    this.#from = page.more ? (page.messages[0]?.seq ?? this.#from) : 0;
  }

  /** Messages in a row that end somewhere; they become the newest where the two meet. */
  #show(row: readonly ChatMessage[], more: boolean): void {
    const meets = !more || (row.at(-1)?.seq ?? 0) >= this.#from;
    if (!meets) {
      this.#window = inOrder(row);
      return;
    }
    this.#older = merged(row, this.#older);
    this.#from = this.history === "complete" ? 0 : (row[0]?.seq ?? this.#from);
    this.#window = null;
  }

  async #page(where: {
    before_seq?: number | null;
    after_seq?: number;
    limit: number;
  }): Promise<Page> {
    return (await this.#call.command("chat.history", where)) as unknown as Page;
  }
}

function heldIn(room: Room, me: string): readonly ChatMessage[] {
  const box = room.slices.private.boxes[me] ?? [];
  const { messages } = room.slices.chat;
  return box.length === 0 ? messages : inOrder([...messages, ...box]);
}

function inOrder(messages: readonly ChatMessage[]): ChatMessage[] {
  return [...messages].sort((a, b) => a.seq - b.seq);
}

function merged(some: readonly ChatMessage[], others: readonly ChatMessage[]): ChatMessage[] {
  const known = new Set(some.map(({ seq }) => seq));
  return inOrder([...some, ...others.filter(({ seq }) => !known.has(seq))]);
}
