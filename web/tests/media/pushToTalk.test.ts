import { describe, expect, test } from "vitest";
import { PushToTalk } from "../../src/media/pushToTalk";

function talker() {
  const page = { window: new EventTarget(), document: new EventTarget() };
  const state = { muted: true };
  const push = new PushToTalk(
    {
      setMuted: (muted) => {
        state.muted = muted;
      },
      mayTalk: () => state.muted,
    },
    page,
  );
  return { push, page, state };
}

describe("push to talk", () => {
  test("one is heard while the key is held", () => {
    const { push, state } = talker();
    push.press();
    push.press();
    expect(state.muted).toBe(false);
    push.release();
    expect(state.muted).toBe(true);
  });

  test.each([
    ["the window loses the focus", "window", "blur"],
    ["the page is left", "window", "pagehide"],
    ["the page is hidden", "document", "visibilitychange"],
    ["the page is frozen", "document", "freeze"],
  ] as const)("it ends muted when %s", (_when, where, event) => {
    const { push, page, state } = talker();
    push.press();
    page[where].dispatchEvent(new Event(event));
    expect(state.muted).toBe(true);
    expect(push.talking).toBe(false);
  });

  test("losing the focus unmutes nobody", () => {
    const { page, state } = talker();
    page.window.dispatchEvent(new Event("blur"));
    expect(state.muted).toBe(true);
  });

  test("who was not muted is not muted by letting go of a key", () => {
    const { push, state } = talker();
    state.muted = false;
    push.press();
    push.release();
    expect(state.muted).toBe(false);
  });

  test("closing it ends muted, and it hears nothing any more", () => {
    const { push, page, state } = talker();
    push.press();
    push.close();
    expect(state.muted).toBe(true);
    state.muted = false;
    page.window.dispatchEvent(new Event("blur"));
    expect(state.muted).toBe(false);
  });
});
