/** Mentions: `@name` in a text, and whom it means. */

import type { Piece } from "./linkify.ts";

export interface Mentionable {
  readonly identity: string;
  readonly name: string;
  /** Sits in the room now. */
  readonly present: boolean;
}

export interface Asked {
  /** Where the `@` stands. */
  readonly from: number;
  readonly query: string;
}

const LONGEST_QUERY = 40;
const SHOWN = 6;
export const MENTIONS_MOST = 20;

const folded = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{Mn}/gu, "")
    .normalize("NFC")
    .toLocaleLowerCase();

/** Whether somebody is being named where the cursor stands; names have spaces in them. */
export function mentionAsked(text: string, cursor: number): Asked | null {
  const before = text.slice(Math.max(0, cursor - LONGEST_QUERY), cursor);
  const at = before.lastIndexOf("@");
  if (at < 0) return null;
  const query = before.slice(at + 1);
  const previous = text.at(cursor - query.length - 2);
  // An address is no mention, nor is what goes on in the next line.
  const begins = cursor - query.length - 2 < 0 || previous === undefined || /\s/u.test(previous);
  if (!begins || query.includes("\n") || /^\s/u.test(query)) return null;
  return { from: cursor - query.length - 1, query };
}

/** Those whose name has it, present ones first, names that begin with it first. */
export function mentionable(people: readonly Mentionable[], query: string): Mentionable[] {
  const wanted = folded(query);
  const rank = ({ name, present }: Mentionable): number =>
    (present ? 0 : 2) + (folded(name).startsWith(wanted) ? 0 : 1);
  return people
    .filter(({ name }) => folded(name).includes(wanted))
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, SHOWN);
}

/** Puts a name where it was asked for; the new text and where the cursor goes. */
export function withMention(
  text: string,
  { from, query }: Asked,
  name: string,
): { text: string; cursor: number } {
  const put = `@${name} `;
  const rest = text.slice(from + 1 + query.length).replace(/^ /u, "");
  return { text: text.slice(0, from) + put + rest, cursor: from + put.length };
}

/** Cuts a text at its mentions: at each `@` the longest name that follows it. */
function cut<T extends { readonly name: string }>(
  text: string,
  known: readonly T[],
): { text: string; who: T | null }[] {
  const longest = [...known].sort((a, b) => b.name.length - a.name.length);
  const parts: { text: string; who: T | null }[] = [];
  let end = 0;
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", Math.max(at + 1, end))) {
    const who = longest.find(({ name }) => name !== "" && text.startsWith(name, at + 1));
    if (!who) continue;
    if (at > end) parts.push({ text: text.slice(end, at), who: null });
    end = at + 1 + who.name.length;
    parts.push({ text: text.slice(at, end), who });
  }
  if (end < text.length) parts.push({ text: text.slice(end), who: null });
  return parts;
}

/** Whom a text mentions. Of several with one name only those who were picked are meant. */
export function mentionsIn(
  text: string,
  people: readonly Mentionable[],
  picked: ReadonlySet<string>,
): string[] {
  const named = new Set(cut(text, people).flatMap(({ who }) => (who ? [who.name] : [])));
  const meant = [...named].flatMap((name) => {
    const same = people.filter((one) => one.name === name);
    const chosen = same.filter(({ identity }) => picked.has(identity));
    return same.length === 1 ? same : chosen;
  });
  return meant.map(({ identity }) => identity).slice(0, MENTIONS_MOST);
}

export type MarkedPiece =
  Piece | { readonly kind: "mention"; readonly text: string; identity: string };

/** The pieces of a message with its mentions cut out of the text between links. */
export function withMentions(
  pieces: readonly Piece[],
  mentions: readonly { readonly identity: string; readonly name: string }[],
): MarkedPiece[] {
  if (mentions.length === 0) return [...pieces];
  return pieces.flatMap((piece): MarkedPiece[] =>
    piece.kind === "link"
      ? [piece]
      : cut(piece.text, mentions).map(({ text, who }) =>
          who ? { kind: "mention", text, identity: who.identity } : { kind: "text", text },
        ),
  );
}
