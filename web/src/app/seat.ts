import { readJson, write } from "./store.ts";

/**
 * What a reloaded page needs to sit down in its seat again without asking: kept in the tab's own
 * storage, so it ends with the tab.
 */
export interface Seat {
  readonly name: string;
  /** The identity's token where this tab joined as another person. */
  readonly token: string | null;
  readonly identity: string;
}

const key = (slug: string): string => `moim.seat.${slug}`;

export function rememberSeat(slug: string, seat: Seat | null): void {
  write("sessionStorage", key(slug), seat === null ? null : JSON.stringify(seat));
}

export function recallSeat(slug: string): Seat | null {
  const stored = readJson("sessionStorage", key(slug));
  if (typeof stored !== "object" || stored === null) return null;
  const { name, token, identity } = stored as Record<string, unknown>;
  if (typeof name !== "string" || typeof identity !== "string") return null;
  return { name, identity, token: typeof token === "string" ? token : null };
}
