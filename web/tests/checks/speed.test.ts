import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { measureSpeed } from "../../src/checks/speed";

const CALLER = { base: "", csrf: "c", token: null };
const DOWN_BYTES = 2 * 1024 * 1024;
const CHUNK_BYTES = 4 * 1024;

/** A line of one speed, over which a server answers as ours does. */
function line(bps: number, way_ms = 20): ReturnType<typeof vi.fn> {
  const wait = (bytes: number): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, (bytes * 8_000) / bps));
  return vi.fn(async (_: string, { method, body, signal }: RequestInit) => {
    const ended = new Promise<never>((__, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("ended", "AbortError")));
    });
    ended.catch(() => undefined);
    const unless = <T>(work: Promise<T>): Promise<T> => Promise.race([work, ended]);
    await unless(new Promise((resolve) => setTimeout(resolve, way_ms)));
    if (method === "POST") {
      await unless(wait((body as Uint8Array).length));
      return { ok: true, status: 204 };
    }
    let left = DOWN_BYTES;
    const read = async (): Promise<ReadableStreamReadResult<Uint8Array>> => {
      if (left === 0) return { done: true, value: undefined };
      await unless(wait(CHUNK_BYTES));
      left -= CHUNK_BYTES;
      return { done: false, value: new Uint8Array(CHUNK_BYTES) };
    };
    return { ok: true, status: 200, body: { getReader: () => ({ read }) } };
  });
}

async function measured(bps: number): Promise<{ up_bps: number; down_bps: number; ms: number }> {
  vi.stubGlobal("fetch", line(bps));
  const began_ms = performance.now();
  const all = measureSpeed(CALLER, "tea", new AbortController().signal);
  const done = all.then((speed) => ({ ...speed, ms: performance.now() - began_ms }));
  await vi.advanceTimersByTimeAsync(10_000);
  return done;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test.each([300_000, 2_000_000, 8_000_000, 40_000_000])("%i bit/s are found", async (bps) => {
  const { up_bps, down_bps, ms } = await measured(bps);
  expect(down_bps / bps).toBeGreaterThan(0.7);
  expect(down_bps / bps).toBeLessThan(1.3);
  expect(up_bps / bps).toBeGreaterThan(0.6);
  expect(up_bps / bps).toBeLessThan(1.1);
  expect(ms).toBeLessThan(2_200);
});

test("what comes all at once, as from the same machine, is a quick line and no slow one", async () => {
  const all = [{ done: false, value: new Uint8Array(DOWN_BYTES) }, { done: true }];
  const fetching = vi.fn(async (_: string, { method }: RequestInit) => {
    await Promise.resolve();
    const read = () => Promise.resolve(all.shift());
    return method === "POST" ? { ok: true } : { ok: true, body: { getReader: () => ({ read }) } };
  });
  vi.stubGlobal("fetch", fetching);
  const { down_bps } = await measureSpeed(CALLER, "tea", new AbortController().signal);
  expect(down_bps).toBeGreaterThan(100_000_000);
});

test("on a line that hardly carries anything the look is as short, and says at most what it saw", async () => {
  const { up_bps, down_bps, ms } = await measured(20_000);
  expect(up_bps).toBeLessThan(300_000);
  expect(down_bps).toBeLessThan(20_000);
  expect(ms).toBeLessThan(2_200);
});

test("who joins ends it at once", async () => {
  const fetching = line(1_000_000);
  vi.stubGlobal("fetch", fetching);
  const ending = new AbortController();
  const all = measureSpeed(CALLER, "tea", ending.signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(200);
  ending.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(await all).toBeInstanceOf(DOMException);
  expect(fetching).toHaveBeenCalledTimes(1);
});

test("a server that says no is no measure", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve({ ok: false, status: 429, body: null }));
  await expect(measureSpeed(CALLER, "tea", new AbortController().signal)).rejects.toThrow("429");
});
