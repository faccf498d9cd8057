import { afterEach, expect, test, vi } from "vitest";
import { Notices } from "../../src/app/notices.svelte.ts";

afterEach(() => vi.useRealTimers());

test("a notice that leads to a panel goes when the panel is open, and no other does", () => {
  vi.useFakeTimers();
  const notices = new Notices();
  notices.show("Jun has a file for you", { panel: "files" });
  notices.show("Jun joined");
  notices.opened("chat");
  expect(notices.shown).toHaveLength(2);
  notices.opened("files");
  expect(notices.shown.map(({ text }) => text)).toEqual(["Jun joined"]);
  notices.close();
});
