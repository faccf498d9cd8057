import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Emitter } from "../../src/media/events";
import { Remotes } from "../../src/media/remotes";
import type { RemoteTrack, SessionEvents, Source } from "../../src/media/session";
import { Succession } from "../../src/media/succession";

const WHO = "u_mina";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function track(source: Source, id: string): RemoteTrack {
  const one = { id, enabled: false } as MediaStreamTrack;
  return { identity: WHO, source, track: one, stream: {} as MediaStream, allowed: false };
}

function scene() {
  const emitter = new Emitter<SessionEvents>();
  const remotes = new Remotes(emitter);
  const log: string[] = [];
  emitter.on("track", ({ change, track: { source } }) => log.push(`${change} ${source}`));
  const played = new Set<Source>();
  const succession = new Succession(remotes, (_, source) => played.has(source));
  const former = (name: string) => ({ identity: WHO, end: () => void log.push(`${name} ends`) });
  const shown = () => remotes.of(WHO).map(({ track: { id } }) => id);
  return { remotes, succession, log, played, former, shown };
}

test("what comes by a first connection is shown at once", () => {
  const { succession, shown } = scene();
  succession.received(track("camera", "first"));
  expect(shown()).toEqual(["first"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("the last picture stays until the next connection has played one", () => {
  const { succession, played, log, former, shown } = scene();
  succession.received(track("camera", "old"));
  succession.keep(former("old"));
  succession.received(track("camera", "new"));
  succession.settled(WHO, new Set(["camera"]));
  vi.advanceTimersByTime(5_000);
  expect(shown()).toEqual(["old"]);
  played.add("camera");
  vi.advanceTimersByTime(50);
  expect(shown()).toEqual(["new"]);
  expect(log).toEqual(["added camera", "added camera", "old ends"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a sound is taken at once", () => {
  const { succession, former, shown } = scene();
  succession.received(track("microphone", "old"));
  succession.keep(former("old"));
  succession.received(track("microphone", "new"));
  expect(shown()).toEqual(["new"]);
});

test("what the next connection does not bring is over when it says so", () => {
  const { succession, log, former, shown } = scene();
  for (const source of ["camera", "screen_share"] as const)
    succession.received(track(source, source));
  succession.keep(former("old"));
  succession.received(track("camera", "new"));
  succession.settled(WHO, new Set(["camera"]));
  expect(shown()).toEqual(["camera"]);
  expect(log.at(-1)).toBe("removed screen_share");
});

test("a camera that is off is not waited for without end", () => {
  const { succession, log, former, shown } = scene();
  succession.received(track("camera", "old"));
  succession.keep(former("old"));
  succession.received(track("camera", "new"));
  vi.advanceTimersByTime(31_000);
  expect(shown()).toEqual(["new"]);
  expect(log.at(-1)).toBe("old ends");
  expect(vi.getTimerCount()).toBe(0);
});

test("two connections that follow each other end when the last one plays", () => {
  const { succession, played, log, former, shown } = scene();
  succession.received(track("camera", "first"));
  succession.keep(former("first"));
  succession.received(track("camera", "second"));
  succession.keep(former("second"));
  played.add("camera");
  vi.advanceTimersByTime(1_000);
  expect(shown()).toEqual(["first"]);
  succession.received(track("camera", "third"));
  vi.advanceTimersByTime(50);
  expect(shown()).toEqual(["third"]);
  expect(log.slice(-2)).toEqual(["first ends", "second ends"]);
});

test("nothing is kept of who has left", () => {
  const { remotes, succession, log, former, shown } = scene();
  succession.received(track("camera", "old"));
  succession.keep(former("old"));
  succession.received(track("camera", "new"));
  remotes.forget(WHO);
  succession.forget(WHO);
  expect(shown()).toEqual([]);
  expect(log.at(-1)).toBe("old ends");
  expect(vi.getTimerCount()).toBe(0);
});

test("a source that is taken back before it played leaves nothing", () => {
  const { succession, log, former, shown } = scene();
  succession.received(track("camera", "old"));
  succession.keep(former("old"));
  succession.received(track("camera", "new"));
  succession.gone(WHO, "camera");
  vi.advanceTimersByTime(50);
  expect(shown()).toEqual([]);
  expect(log.at(-1)).toBe("old ends");
  expect(vi.getTimerCount()).toBe(0);
});
