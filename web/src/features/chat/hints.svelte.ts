import type { Call } from "../../app/call.svelte.ts";
import type { ChatMessage } from "../../wire/types.gen.ts";
import { keyOf, type News } from "./announcements.ts";
import { type Hint, readHint } from "./outgoing.ts";

/** What somebody else may have lying here unsaved. */
const HINTS_LIMIT = 200;

/** Somebody else's message that the server does not have yet. */
export interface Unsaved extends Hint {
  readonly author: string;
  /** As it was when the message came: its author may leave before it is saved. */
  readonly name: string;
}

/** Others' messages that came straight from them while the server was away. */
export class Hints {
  all = $state.raw<readonly Unsaved[]>([]);

  constructor(private readonly call: Call) {}

  /** What the server does not show yet. */
  shown(held: readonly ChatMessage[]): readonly Unsaved[] {
    const saved = new Set(held.map(({ command_id, author }) => keyOf(author, command_id)));
    return this.all.filter(({ author, id }) => !saved.has(keyOf(author, id)));
  }

  /** Null for what is none, or is known. */
  take(from: string, payload: unknown): News | null {
    const hint = readHint(payload);
    if (!hint || !this.call.people.some(({ identity }) => identity === from)) return null;
    if (this.all.some(({ id, author }) => id === hint.id && author === from)) return null;
    const unsaved = { ...hint, author: from, name: this.call.nameOf(from) };
    this.all = [...this.all, unsaved].slice(-HINTS_LIMIT);
    return unsaved;
  }

  saved(author: string, id: string): void {
    this.all = this.all.filter((one) => one.id !== id || one.author !== author);
  }
}
