import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Vault } from "../../src/features/files/vault";
import type { VaultRequest } from "../../src/features/files/vault.worker";

const KIB = 1024;

/** A disk that is never slow. */
class QuickWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;

  postMessage(request: VaultRequest): void {
    if (request.do !== "block") return;
    const { buffer, bytes } = request;
    this.onmessage?.({ data: { did: "wrote", buffer, bytes } });
  }
  terminate(): void {
    this.onmessage = null;
  }
}

let written = 0;
let vault: Vault;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", QuickWorker);
  written = 0;
  vault = new Vault("folder", "name", {
    wrote: (bytes) => (written += bytes),
    ended: () => undefined,
    failed: () => undefined,
  });
});

afterEach(() => {
  vault.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a sender who may have a mebibyte on its way hears of half of it before it stands still", () => {
  vi.advanceTimersByTime(10_000);
  for (let came = 0; came < 1024 * KIB; came += 14 * KIB) vault.put(new ArrayBuffer(14 * KIB));
  expect(written).toBeGreaterThanOrEqual(512 * KIB);
});

test("what comes slowly is put away all the same", () => {
  vault.put(new ArrayBuffer(14 * KIB));
  expect(written).toBe(0);
  vi.advanceTimersByTime(500);
  expect(written).toBe(14 * KIB);
});

test("nothing is written after it was closed", () => {
  vault.put(new ArrayBuffer(14 * KIB));
  vault.close();
  vi.advanceTimersByTime(10_000);
  expect(written).toBe(0);
});
