import { afterEach, expect, test, vi } from "vitest";
import { copyText } from "../../src/app/clipboard.ts";

afterEach(() => vi.unstubAllGlobals());

/** A browser that does as told when it is asked to copy, or does not. */
function olderWay(obeys: boolean): { copied: string } {
  const found = { copied: "" };
  const page = new EventTarget();
  const clipboardData = { setData: (_: string, text: string) => (found.copied = text) };
  vi.stubGlobal(
    "document",
    Object.assign(page, {
      execCommand: () =>
        obeys && page.dispatchEvent(Object.assign(new Event("copy"), { clipboardData })),
    }),
  );
  return found;
}

test("a page that is not secure copies the older way", async () => {
  vi.stubGlobal("navigator", {});
  const found = olderWay(true);
  expect(await copyText("모임")).toBe(true);
  expect(found.copied).toBe("모임");
});

test("a browser that lets nobody copy is not believed to have", async () => {
  const clipboard = { writeText: () => Promise.reject(new Error("no")) };
  vi.stubGlobal("navigator", { clipboard });
  olderWay(false);
  expect(await copyText("모임")).toBe(false);
});
