import { readJson, write } from "../../app/store.ts";
import type { Image } from "../../wire/types.gen.ts";

/**
 * A message on its way. It leaves this list only when the room shows it or its author discards it.
 *
 * `sending`: on its way to the server. `unsaved`: the server is away, those present have it.
 * `failed`: refused, or not answered in time; it waits for its author.
 */
export interface Outgoing {
  readonly id: string;
  readonly text: string;
  readonly reply_to: number | null;
  readonly image: Image | null;
  readonly mentions: readonly string[];
  /** Whom it is for; null is everybody. */
  readonly to: string | null;
  readonly at_ms: number;
  readonly state: "sending" | "unsaved" | "failed";
  /** The code of the refusal, once it failed. */
  readonly why: string | null;
}

/** What goes straight to those present while the server is away. */
export const CHAT_TOPIC = "chat";

const key = (slug: string, identity: string): string => `moim.outgoing.${slug}.${identity}`;

/**
 * Written at every change into storage that outlives the tab: neither a reload, nor a closed tab,
 * nor a call that moves to another one loses what was said.
 */
export function keepOutgoing(slug: string, identity: string, list: readonly Outgoing[]): void {
  write("localStorage", key(slug, identity), list.length === 0 ? null : JSON.stringify(list));
}

/** Not sent because nobody answered, rather than because somebody said no. */
export const unheard = ({ state, why }: Outgoing): boolean =>
  state === "failed" && (why === "offline" || why === "timed_out");

/** What a reload interrupted is sent again: its id makes that harmless. */
export function recallOutgoing(slug: string, identity: string): Outgoing[] {
  const stored = readJson("localStorage", key(slug, identity));
  if (!Array.isArray(stored)) return [];
  return stored.filter(isOutgoing).map((one) => ({
    ...one,
    mentions: Array.isArray(one.mentions) ? one.mentions : [],
    to: typeof one.to === "string" ? one.to : null,
    state: one.state === "failed" ? "failed" : "sending",
  }));
}

function isOutgoing(value: unknown): value is Outgoing {
  if (typeof value !== "object" || value === null) return false;
  const one = value as Record<string, unknown>;
  return (
    typeof one["id"] === "string" &&
    typeof one["text"] === "string" &&
    typeof one["at_ms"] === "number" &&
    (one["state"] === "sending" || one["state"] === "unsaved" || one["state"] === "failed")
  );
}

/** What travels over a data channel while the server is away. */
export interface Hint {
  readonly id: string;
  readonly text: string;
  readonly reply_to: number | null;
  readonly at_ms: number;
}

const LONGEST_HINT = 12_000;
/** With its line ends and quotes escaped; the rest of a channel's message is for what is around it. */
const LONGEST_WRITTEN_BYTES = 16_000;

/** A hint from another browser, or null for anything else: whoever sent it may send what they like. */
export function readHint(value: unknown): Hint | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, text, reply_to, at_ms } = value as Record<string, unknown>;
  if (typeof id !== "string" || !/^[\w-]{1,64}$/u.test(id)) return null;
  if (typeof text !== "string" || text === "" || text.length > LONGEST_HINT) return null;
  return {
    id,
    text,
    reply_to: typeof reply_to === "number" ? reply_to : null,
    at_ms: typeof at_ms === "number" && Number.isFinite(at_ms) ? at_ms : Date.now(),
  };
}

export function fitsChannel(text: string): boolean {
  const bytes = (of: string): number => new TextEncoder().encode(of).length;
  return bytes(text) <= LONGEST_HINT && bytes(JSON.stringify(text)) <= LONGEST_WRITTEN_BYTES;
}
