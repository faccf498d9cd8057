/**
 * Puts what arrives on the disk, block by block, and takes its SHA-256 on the way; or takes that of
 * a file that is sent. Off the page's own thread, where both would be felt in the call.
 *
 * The disk is the origin private file system (OPFS). Where there is none, the blocks become blobs,
 * which the browser keeps wherever it likes.
 *
 * Source: WHATWG File System, `FileSystemSyncAccessHandle`; FIPS 180-4.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

export type VaultRequest =
  | { readonly do: "open"; readonly folder: string; readonly name: string }
  | { readonly do: "piece"; readonly piece: ArrayBuffer }
  | { readonly do: "end" }
  | { readonly do: "digest"; readonly file: Blob };

export type VaultAnswer =
  | { readonly did: "wrote"; readonly bytes: number }
  | { readonly did: "end"; readonly file: Blob; readonly sha256: string }
  | { readonly did: "digest"; readonly sha256: string }
  | { readonly did: "fail"; readonly why: "full" | "broken" };

/** Of the standard, but not in TypeScript's library for pages. */
interface Access {
  write(data: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}
interface Handle extends FileSystemFileHandle {
  createSyncAccessHandle?: () => Promise<Access>;
}

const BLOCK_BYTES = 1024 * 1024;
/** A digest is awaited at the end only: read in steps that leave the disk to the others. */
const READ_BYTES = 1024 * 1024;

const block = new Uint8Array(BLOCK_BYTES);
const hash = sha256.create();
const blobs: Blob[] = [];
let filled = 0;
let at = 0;
let handle: Handle | null = null;
let access: Access | null = null;

const answer = (said: VaultAnswer): void => postMessage(said);

async function open(folder: string, name: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    let place = root;
    for (const part of folder.split("/")) {
      place = await place.getDirectoryHandle(part, { create: true });
    }
    handle = await place.getFileHandle(name, { create: true });
    access = (await handle.createSyncAccessHandle?.()) ?? null;
  } catch {
    access = null;
  }
}

function put(piece: Uint8Array): void {
  let rest = piece;
  while (rest.length > 0) {
    const some = rest.subarray(0, BLOCK_BYTES - filled);
    block.set(some, filled);
    filled += some.length;
    rest = rest.subarray(some.length);
    if (filled === BLOCK_BYTES) flush();
  }
}

function flush(): void {
  if (filled === 0) return;
  const full = block.subarray(0, filled);
  hash.update(full);
  if (access === null) blobs.push(new Blob([full]));
  else if (access.write(full, { at }) < filled) throw new DOMException("", "QuotaExceededError");
  at += filled;
  answer({ did: "wrote", bytes: filled });
  filled = 0;
}

async function end(): Promise<void> {
  flush();
  access?.flush();
  access?.close();
  const file = access === null || handle === null ? new Blob(blobs) : await handle.getFile();
  access = null;
  answer({ did: "end", file, sha256: bytesToHex(hash.digest()) });
}

async function digest(file: Blob): Promise<void> {
  for (let from = 0; from < file.size; from += READ_BYTES) {
    hash.update(new Uint8Array(await file.slice(from, from + READ_BYTES).arrayBuffer()));
  }
  answer({ did: "digest", sha256: bytesToHex(hash.digest()) });
}

async function obey(request: VaultRequest): Promise<void> {
  switch (request.do) {
    case "open":
      return open(request.folder, request.name);
    case "piece":
      put(new Uint8Array(request.piece));
      return;
    case "end":
      return end();
    case "digest":
      return digest(request.file);
  }
}

// One after the other: opening waits, and what comes meanwhile must not overtake it.
let turn = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<VaultRequest>): void => {
  turn = turn
    .then(() => obey(data))
    .catch((error: unknown) => {
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      answer({ did: "fail", why: full ? "full" : "broken" });
    });
};
