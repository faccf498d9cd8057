import * as m from "../../paraglide/messages.js";

export const timeOf = (at_ms: number, locale: string): string =>
  new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(at_ms);

const dayNumber = (at_ms: number): number => {
  const date = new Date(at_ms);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
};

export const sameDay = (one_ms: number, other_ms: number): boolean =>
  dayNumber(one_ms) === dayNumber(other_ms);

/** "Today", "Yesterday", or the date. */
export function dayOf(at_ms: number, now_ms: number, locale: string): string {
  const ago = dayNumber(now_ms) - dayNumber(at_ms);
  if (ago === 0) return m.today();
  if (ago === 1) return m.yesterday();
  return new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(at_ms);
}
