import { expect, test, vi } from "vitest";
import type { Call } from "../../src/app/call.svelte.ts";
import { readStart } from "../../src/app/start.ts";
import { Visit } from "../../src/app/visit.svelte.ts";

// A page hears of what does not load from its beginning on.
vi.hoisted(() => vi.stubGlobal("addEventListener", () => undefined));

const START = {
  base: "",
  room: { slug: "tea", name: "Tea", listed: false, locked: false, people: 0, capacity: 50 },
  me: { identity: "mina", role: null, name: "Mina" },
};

/** A call that Mina is in with Jun, in a room that was renamed and locked since her page was made. */
const CALL = {
  room: { name: "Friday tea", locked: true },
  people: [{ isMe: true }, { isMe: false }],
  close: () => undefined,
} as unknown as Call;

test.each([
  ["left", 1],
  ["ended", 0],
] as const)("who has %s sees the room as it was left, with %i inside", (how, people) => {
  vi.stubGlobal("isSecureContext", false);
  const page = { getElementById: () => ({ textContent: JSON.stringify(START) }) };
  const start = readStart(page as unknown as Document);
  if (!start) throw new Error("nothing to start with");
  const visit = new Visit(start);
  visit.screen = { kind: "call", call: CALL, view: (() => ({})) as never };
  visit.end(how);
  expect(visit.room).toMatchObject({ name: "Friday tea", locked: true, people });
});
