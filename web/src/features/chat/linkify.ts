/** Cuts a message into text and links. Only http, https and mailto become links; all else stays text. */

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

const CANDIDATE =
  /(?:https?:\/\/|mailto:|www\.)[^\s<>"'`\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const TRAILING = /[.,;:!?…。、·'"”’]+$/u;
/**
 * A Korean particle is written on to what it follows, also to an address: "https://a.org에서". A word
 * that is Hangul from its beginning, as in the addresses of an encyclopedia, stays whole.
 */
const PARTICLE =
  /(?:(?<=[\w-])(?:은|는|이|가|을|를|에|의|도|만|로|과|와|랑)|(?<=[\w/-])(?:으로|에서|에는|에도|에게|까지|부터|처럼|라고|이라고|하고|이고|이랑|인데요?|입니다|이에요|예요))$/u;
const SAFE = new Set(["http:", "https:", "mailto:"]);

export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trimmed(match[0]);
    const href = safeHref(shown);
    if (href === null) continue;
    if (match.index > end) pieces.push({ kind: "text", text: text.slice(end, match.index) });
    pieces.push({ kind: "link", text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/** Punctuation after an address belongs to the sentence, and so does a bracket that it did not open. */
function trimmed(address: string): string {
  let shown = address;
  for (;;) {
    const before = shown;
    shown = shown.replace(TRAILING, "");
    for (const [open, close] of [
      ["(", ")"],
      ["[", "]"],
      ["{", "}"],
    ] as const) {
      if (shown.endsWith(close) && shown.split(close).length > shown.split(open).length) {
        shown = shown.slice(0, -1);
      }
    }
    shown = shown.replace(PARTICLE, "");
    if (shown === before) return shown;
  }
}

function safeHref(shown: string): string | null {
  const address = /^www\./iu.test(shown) ? `https://${shown}` : shown;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!SAFE.has(url.protocol)) return null;
  if (url.protocol !== "mailto:" && !url.hostname) return null;
  // A name and password before the host make one site look like another.
  if (url.username || url.password) return null;
  return url.href;
}
