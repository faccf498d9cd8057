import { expect, test } from "vitest";
import { Editing } from "../../src/features/chat/editing.svelte.ts";
import type { ChatMessage } from "../../src/wire/types.gen.ts";

const MESSAGE = { seq: 7, text: "tea at four" } as ChatMessage;

test("what was written for a message that is deleted meanwhile is given back", () => {
  const editing = new Editing();
  editing.begin(MESSAGE);
  editing.text = "tea at five";
  expect(editing.forget(6)).toBeNull();
  expect(editing.message).toBe(MESSAGE);
  expect(editing.forget(7)).toBe("tea at five");
  expect(editing.message).toBeNull();
});

test("a message that is deleted before anything was changed leaves nothing", () => {
  const editing = new Editing();
  editing.begin(MESSAGE);
  expect(editing.forget(7)).toBeNull();
  expect(editing.message).toBeNull();
});
