/** What a person would call one letter: limits are counted in these, not in code units. */
const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function countGraphemes(text: string): number {
  let count = 0;
  for (const _ of segmenter.segment(text)) count += 1;
  return count;
}

export function cutGraphemes(text: string, limit: number): string {
  let count = 0;
  for (const piece of segmenter.segment(text)) {
    if (count === limit) return text.slice(0, piece.index);
    count += 1;
  }
  return text;
}

/** A name as it is sent: composed (NFC), one line, no space around it, at most `limit` letters. */
export function tidyName(text: string, limit: number): string {
  const oneLine = text.normalize("NFC").replace(/\s+/gu, " ").trim();
  return cutGraphemes(oneLine, limit).trim();
}
