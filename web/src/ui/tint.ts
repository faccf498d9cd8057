/** The hue of a face without a picture: the same for one identity in every browser and on every day. */
export function hueOf(identity: string): number {
  // FNV-1a, 32 bit: short strings that differ in one letter land far apart.
  let hash = 0x811c9dc5;
  for (let index = 0; index < identity.length; index += 1) {
    hash = Math.imul(hash ^ identity.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % 360;
}

const HANGUL = /\p{Script=Hangul}/u;

/** One or two letters for a face: "Mina Park" is MP, 김민아 is 민아 (a family name alone tells little). */
export function initialsOf(name: string): string {
  const words = name.normalize("NFC").trim().split(/\s+/u).filter(Boolean);
  const first = words[0];
  if (first === undefined) return "";
  const letters = segments(first);
  if (HANGUL.test(first)) {
    return letters.length >= 3 ? letters.slice(-2).join("") : letters.join("");
  }
  const last = words.length > 1 ? words.at(-1) : undefined;
  const initial = (letters[0] ?? "") + (last === undefined ? "" : (segments(last)[0] ?? ""));
  return initial.toLocaleUpperCase();
}

function segments(text: string): string[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), (piece) => piece.segment);
}
