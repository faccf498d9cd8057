import { beforeEach, expect, test, vi } from "vitest";
import type { Call } from "../../src/app/call.svelte.ts";
import { Addressee } from "../../src/features/chat/addressee.svelte.ts";

const kept = new Map<string, string>();

beforeEach(() => {
  kept.clear();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});

/** A call in which these people are, Mina's. */
function callWith(...names: string[]): Call {
  const people = names.map((name) => ({ identity: name, name, isMe: name === "Mina" }));
  return {
    room: { slug: "tea" },
    people,
    nameOf: (identity: string) => people.find((one) => one.identity === identity)?.name ?? "",
  } as unknown as Call;
}

test("what was begun to one alone stays for that one over a reload", () => {
  new Addressee(callWith("Mina", "Jun")).choose("Jun");
  const after = new Addressee(callWith("Mina", "Jun"));
  expect([after.identity, after.name, after.gone]).toEqual(["Jun", "Jun", false]);
  after.choose(null);
  expect(new Addressee(callWith("Mina", "Jun")).identity).toBeNull();
});

test("who has left is named, and gets nothing, rather than everybody", () => {
  new Addressee(callWith("Mina", "Jun")).choose("Jun");
  const after = new Addressee(callWith("Mina", "Sora"));
  expect([after.identity, after.name, after.gone]).toEqual(["Jun", "Jun", true]);
});

test("what is kept and is no such thing means everybody", () => {
  kept.set("moim.draft.to.tea", '{"identity":7}');
  expect(new Addressee(callWith("Mina")).identity).toBeNull();
});
