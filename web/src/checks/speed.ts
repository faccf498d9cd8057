/**
 * How much passes between this browser and the server in a second, by a short look: bytes down, then
 * bytes up, about a second each. What a call will have is at most this.
 */
import { proofOf, type Caller } from "../app/api.ts";

export interface Speed {
  readonly up_bps: number;
  readonly down_bps: number;
}

/** How long one direction is looked at, once something flows. */
const LOOK_MS = 900;
/** How long the first answer may take. */
const PATIENCE_MS = 3_000;
/** The next one where the one before was quick: the last is the least about the way and back. */
const PARTS_BYTES = [32, 128, 512].map((kib) => kib * 1024);
const ENOUGH_MS = LOOK_MS / 2;

/** @throws when the server does not answer, says no, or `signal` ends it. */
export async function measureSpeed(
  caller: Caller,
  slug: string,
  signal: AbortSignal,
): Promise<Speed> {
  const address = `${caller.base}/r/${slug}/line`;
  const down_bps = await down(address, caller, signal);
  return { down_bps, up_bps: await up(address, caller, signal) };
}

async function down(address: string, caller: Caller, outer: AbortSignal): Promise<number> {
  const ending = ends(outer);
  let late = setTimeout(ending.end, PATIENCE_MS);
  let answered_ms: number | null = null;
  let last_ms = 0;
  let bytes = 0;
  try {
    const answer = await fetch(address, {
      cache: "no-store",
      headers: proofOf(caller),
      signal: ending.signal,
    });
    const reader = answer.ok ? answer.body?.getReader() : undefined;
    if (reader === undefined) throw new Error(`no bytes: ${String(answer.status)}`);
    answered_ms = performance.now();
    clearTimeout(late);
    late = setTimeout(ending.end, LOOK_MS);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      last_ms = performance.now();
      bytes += value.length;
    }
  } catch (error) {
    // Cut off by our own clock: what came until then says it.
    if (outer.aborted || answered_ms === null || !ending.signal.aborted) throw error;
  } finally {
    clearTimeout(late);
    ending.end();
  }
  // A quick line brings all of it at once, in no time that this clock can tell.
  return (bytes * 8_000) / Math.max(1, last_ms - answered_ms);
}

async function up(address: string, caller: Caller, outer: AbortSignal): Promise<number> {
  const ending = ends(outer);
  const late = setTimeout(ending.end, LOOK_MS);
  const began_ms = performance.now();
  let bps: number | null = null;
  try {
    for (const bytes of PARTS_BYTES) {
      const sent_ms = performance.now();
      const answer = await fetch(address, {
        method: "POST",
        headers: { ...proofOf(caller), "Content-Type": "application/octet-stream" },
        body: noise(bytes),
        signal: ending.signal,
      });
      if (!answer.ok) throw new Error(`not taken: ${String(answer.status)}`);
      const now_ms = performance.now();
      bps = (bytes * 8_000) / Math.max(1, now_ms - sent_ms);
      if (now_ms - began_ms > ENOUGH_MS) break;
    }
  } catch (error) {
    // Cut off by our own clock: the part before says it, and without one it is less than this.
    if (outer.aborted || !ending.signal.aborted) throw error;
    bps ??= ((PARTS_BYTES[0] ?? 0) * 8_000) / LOOK_MS;
  } finally {
    clearTimeout(late);
  }
  return bps ?? 0;
}

/** Ends with the outer signal, or by itself. */
function ends(outer: AbortSignal): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  if (outer.aborted) end();
  outer.addEventListener("abort", end, { once: true });
  return { signal: controller.signal, end };
}

/** Bytes that nothing on the way makes smaller. */
function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes);
  // The browser gives at most 64 KiB at once.
  for (let at = 0; at < bytes; at += 65_536) {
    crypto.getRandomValues(all.subarray(at, Math.min(bytes, at + 65_536)));
  }
  return all;
}
