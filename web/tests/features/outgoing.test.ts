import { beforeEach, expect, test, vi } from "vitest";
import {
  fitsChannel,
  keepOutgoing,
  type Outgoing,
  readHint,
  recallOutgoing,
  unheard,
} from "../../src/features/chat/outgoing.ts";

const message = (state: Outgoing["state"], id = "m1"): Outgoing => ({
  id,
  text: "hi",
  reply_to: null,
  image: null,
  mentions: [],
  to: null,
  at_ms: 1,
  state,
  why: null,
});

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});

test("what a reload interrupted is sent again, and what was refused waits for its author", () => {
  keepOutgoing("room", "me", [message("unsaved", "a"), message("failed", "b")]);
  expect(recallOutgoing("room", "me").map(({ state }) => state)).toEqual(["sending", "failed"]);
  expect(recallOutgoing("room", "somebody else")).toEqual([]);
});

test("what nobody answered is sent again by itself, and what was refused is not", () => {
  const failed = message("failed");
  expect(unheard({ ...failed, why: "offline" })).toBe(true);
  expect(unheard({ ...failed, why: "timed_out" })).toBe(true);
  expect(unheard({ ...failed, why: "text_too_long" })).toBe(false);
  expect(unheard(message("sending"))).toBe(false);
});

test("nothing is kept of an empty list, and what cannot be read is left out", () => {
  keepOutgoing("room", "me", [message("sending")]);
  keepOutgoing("room", "me", []);
  expect(recallOutgoing("room", "me")).toEqual([]);
  localStorage.setItem("moim.outgoing.room.me", '[{"id": 3}, null, "x"]');
  expect(recallOutgoing("room", "me")).toEqual([]);
});

test("a storage that throws keeps nothing and breaks nothing", () => {
  vi.stubGlobal("localStorage", {
    getItem: () => {
      throw new Error("forbidden");
    },
    setItem: () => {
      throw new Error("full");
    },
  });
  keepOutgoing("room", "me", [message("sending")]);
  expect(recallOutgoing("room", "me")).toEqual([]);
});

test.each([null, 3, {}, { id: "a b", text: "x" }, { id: "a", text: "" }, { id: "a", text: 1 }])(
  "%j over a data channel is no message",
  (value) => {
    expect(readHint(value)).toBeNull();
  },
);

test("a message over a data channel has its id, its text and a time", () => {
  expect(readHint({ id: "a", text: "x", reply_to: "no", at_ms: 5, more: 1 })).toEqual({
    id: "a",
    text: "x",
    reply_to: null,
    at_ms: 5,
  });
  expect(readHint({ id: "a", text: "x".repeat(20_000) })).toBeNull();
  expect(fitsChannel("한".repeat(4_000))).toBe(true);
  expect(fitsChannel("한".repeat(4_001))).toBe(false);
  expect(fitsChannel("\u0001".repeat(4_000))).toBe(false);
});
