/**
 * What is looked at when somebody checks their connection, and what came of it: one list for the
 * page before joining and for the call, in the order in which a call needs it.
 */
export const NAMES = ["secure", "server", "udp", "address", "sfu", "speed"] as const;
export type CheckName = (typeof NAMES)[number];

/** `none`: there is nothing to look at, or it could not be found out; it counts for nothing. */
export type State = "running" | "ok" | "warn" | "bad" | "none";

/** A fact beside the words. */
export interface Detail {
  readonly id: "local" | "outside";
  readonly label: string;
  readonly value: string;
}

/** How one thing is, and words for it; where something is wrong they say what to open or set. */
export interface Finding {
  readonly state: State;
  readonly words: string;
  readonly details?: readonly Detail[];
}

export interface Check extends Finding {
  readonly name: CheckName;
}

/** The worst of all; running while any of them is. */
export function verdict(checks: readonly Check[]): State {
  const has = (state: State): boolean => checks.some((check) => check.state === state);
  return (["running", "bad", "warn", "ok"] as const).find(has) ?? "none";
}
