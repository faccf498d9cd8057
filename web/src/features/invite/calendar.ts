/** An invitation as a calendar entry and as words for a letter. Source: RFC 5545, RFC 6068. */

export interface Invitation {
  readonly room: string;
  readonly link: string;
  readonly start_ms: number;
  readonly minutes: number;
  /** Made once for each entry, so that a calendar knows the same one again. */
  readonly uid: string;
  readonly now_ms: number;
}

const LINE_BYTES = 75;

/** The text of an `.ics` file: one event, times in UTC. */
export function calendarEntry(invitation: Invitation, words: string): string {
  const { room, link, start_ms, minutes, uid, now_ms } = invitation;
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//moim//moim//EN",
    "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    `UID:${uid}`,
    `DTSTAMP:${stamp(now_ms)}`,
    `DTSTART:${stamp(start_ms)}`,
    `DTEND:${stamp(start_ms + minutes * 60_000)}`,
    `SUMMARY:${escaped(room)}`,
    `DESCRIPTION:${escaped(words)}`,
    `LOCATION:${escaped(link)}`,
    `URL:${link}`,
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return lines.map((line) => `${folded(line)}\r\n`).join("");
}

/** The address that opens a letter with everything in it but whom it is for. */
export function letterAddress(subject: string, body: string): string {
  const lines = body.replaceAll("\n", "\r\n");
  return `mailto:?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(lines)}`;
}

/** A date and a time as one's own clock shows them, as `<input type="datetime-local">` wants it. */
export function localInput(at_ms: number): string {
  const offset_ms = new Date(at_ms).getTimezoneOffset() * 60_000;
  return new Date(at_ms - offset_ms).toISOString().slice(0, 16);
}

/** The next full hour, for something to begin with. */
export function nextHour(now_ms: number): number {
  const hour_ms = 3_600_000;
  return (Math.floor(now_ms / hour_ms) + 1) * hour_ms;
}

const stamp = (at_ms: number): string =>
  new Date(at_ms).toISOString().replace(/[-:]|\.\d{3}/gu, "");

const escaped = (text: string): string =>
  text
    .replace(/[\\;,]/gu, (letter) => `\\${letter}`)
    .replace(/\r\n|\r|\n/gu, "\\n")
    // Controls have no place in a content line, and would end it (RFC 5545 section 3.1).
    .replace(/\p{Cc}/gu, " ");

/** At most 75 bytes a line, never within a letter; what follows begins with a space. */
function folded(line: string): string {
  const encoder = new TextEncoder();
  const lines: string[] = [];
  let current = "";
  let bytes = 0;
  for (const letter of line) {
    const more = encoder.encode(letter).length;
    if (bytes + more > LINE_BYTES) {
      lines.push(current);
      current = " ";
      bytes = 1;
    }
    current += letter;
    bytes += more;
  }
  return [...lines, current].join("\r\n");
}
