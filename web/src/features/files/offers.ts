/** What is said about files over the data channels: whoever sends it may send what they like. */

/** The topic of these messages, and of the streams of bytes that follow. */
export const TOPIC = "file";
/** Beyond this nobody's disk is asked. */
const LARGEST_BYTES = 2 ** 40;

export type Said =
  /** "I have this for you." */
  | { readonly kind: "offer"; readonly id: string; readonly name: string; readonly size: number }
  /** "Send it to me from here on": again after a lost connection. */
  | { readonly kind: "want"; readonly id: string; readonly from: number }
  /** "It is whole here": where the word for that was lost, at another offer. */
  | { readonly kind: "have"; readonly id: string }
  | { readonly kind: "decline"; readonly id: string }
  | { readonly kind: "pause"; readonly id: string; readonly on: boolean }
  /** From either end: no more of it. */
  | { readonly kind: "cancel"; readonly id: string };

/** The same as a value that was checked, or null for anything else. */
export function readSaid(value: unknown): Said | null {
  if (typeof value !== "object" || value === null) return null;
  const { kind, id, name, size, from, on } = value as Record<string, unknown>;
  if (typeof id !== "string" || !/^[\w-]{1,64}$/u.test(id)) return null;
  switch (kind) {
    case "offer":
      if (typeof name !== "string" || !isSize(size)) return null;
      return { kind, id, name: safeName(name), size };
    case "want":
      return isSize(from) ? { kind, id, from } : null;
    case "pause":
      return { kind, id, on: on === true };
    case "have":
    case "decline":
    case "cancel":
      return { kind, id };
    default:
      return null;
  }
}

function isSize(value: unknown): value is number {
  return (
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LARGEST_BYTES
  );
}

const MOST_NAME_BYTES = 255;
const DEVICES = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?=\.|$)/iu;

/**
 * A name that a file can be kept under anywhere: no path, nothing invisible, nothing that turns the
 * letters around. The server refuses what this would change (`moim.meeting.file_names`).
 */
export function safeName(raw: string): string {
  const last = raw.slice(0, 4_096).normalize("NFC").split(/[/\\]/u).at(-1) ?? "";
  let name = last
    .replace(/[\p{Cc}\p{Co}\p{Cs}\u2028\u2029]|(?![\u200c\u200d])\p{Cf}/gu, "")
    .replace(/[:*?"<>|]/gu, "_")
    .trim()
    .replace(/[. ]+$/u, "")
    .replace(DEVICES, "_$&");
  const bytes = (of: string): number => new TextEncoder().encode(of).length;
  const end = /\.[^.]{1,16}$/u.exec(name)?.[0] ?? "";
  let letters = [...name.slice(0, name.length - end.length)];
  while (bytes(name) > MOST_NAME_BYTES && letters.length > 0) {
    letters = letters.slice(0, -1);
    name = letters.join("") + end;
  }
  return name === "" ? "file" : name;
}
