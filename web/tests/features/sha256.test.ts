import { createHash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { startSha256 } from "../../src/features/files/sha256";

const PIECES = [0, 1, 63, 64, 65, 70_000].map((length) => new Uint8Array(length).fill(length));

async function ours(): Promise<string> {
  const hash = await startSha256();
  for (const piece of PIECES) hash.update(piece);
  return hash.digest();
}

function nodes(): string {
  const hash = createHash("sha256");
  for (const piece of PIECES) hash.update(piece);
  return hash.digest("hex");
}

afterEach(() => vi.unstubAllGlobals());

test("a digest of pieces is that of the whole", async () => {
  expect(await ours()).toBe(nodes());
});

test("two digests at once do not disturb each other", async () => {
  expect(await Promise.all([ours(), ours()])).toEqual([nodes(), nodes()]);
});

test("where WebAssembly is switched off JavaScript says the same", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  vi.resetModules();
  const fresh = await import("../../src/features/files/sha256");
  const hash = await fresh.startSha256();
  for (const piece of PIECES) hash.update(piece);
  expect(hash.digest()).toBe(nodes());
});
