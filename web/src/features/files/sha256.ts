/**
 * SHA-256, a piece after the other. WebCrypto has it for whole files in memory only.
 *
 * WebAssembly takes a fourth of the time that JavaScript takes in Chromium (decision 0014). Where it is
 * switched off, as in the Lockdown Mode of iOS or by a proxy's Content-Security-Policy, JavaScript does
 * the same.
 *
 * Source: FIPS 180-4; CSP 3, `wasm-unsafe-eval`.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { createSHA256 } from "hash-wasm";

export interface Sha256 {
  update(piece: Uint8Array): void;
  /** In hexadecimal digits; nothing may be added after it. */
  digest(): string;
}

export async function startSha256(): Promise<Sha256> {
  try {
    const hash = (await createSHA256()).init();
    return {
      update: (piece) => void hash.update(piece),
      digest: () => hash.digest("hex"),
    };
  } catch {
    const hash = sha256.create();
    return {
      update: (piece) => void hash.update(piece),
      digest: () => bytesToHex(hash.digest()),
    };
  }
}
