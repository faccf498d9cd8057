/**
 * Puts what arrives on the disk, block by block, and takes its SHA-256 on the way; or takes that of
 * a file that is sent. Off the page's own thread, where both would be felt in the call.
 *
 * The disk is the origin private file system (OPFS). Where there is none, the blocks become blobs,
 * which the browser keeps wherever it likes.
 *
 * Source: WHATWG File System, `FileSystemSyncAccessHandle`.
 */
import { blocksOf } from "./reading.ts";
import { startSha256 } from "./sha256.ts";

export type VaultRequest =
  | { readonly do: "open"; readonly folder: string; readonly name: string }
  /** The buffer comes back with the answer, to be filled again. */
  | { readonly do: "block"; readonly buffer: ArrayBuffer; readonly bytes: number }
  | { readonly do: "end" }
  | { readonly do: "digest"; readonly file: Blob };

export type VaultAnswer =
  | { readonly did: "wrote"; readonly buffer: ArrayBuffer; readonly bytes: number }
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

const hashing = startSha256();
const blobs: Blob[] = [];
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

async function put(buffer: ArrayBuffer, bytes: number): Promise<void> {
  const block = new Uint8Array(buffer, 0, bytes);
  (await hashing).update(block);
  if (access === null) blobs.push(new Blob([block]));
  else if (access.write(block, { at }) < bytes) throw new DOMException("", "QuotaExceededError");
  at += bytes;
  postMessage({ did: "wrote", buffer, bytes } satisfies VaultAnswer, { transfer: [buffer] });
}

async function end(): Promise<void> {
  access?.flush();
  access?.close();
  const file = access === null || handle === null ? new Blob(blobs) : await handle.getFile();
  access = null;
  answer({ did: "end", file, sha256: (await hashing).digest() });
}

async function digest(file: Blob): Promise<void> {
  const hash = await hashing;
  for await (const some of blocksOf(file, 0)) hash.update(some);
  answer({ did: "digest", sha256: hash.digest() });
}

async function obey(request: VaultRequest): Promise<void> {
  switch (request.do) {
    case "open":
      return open(request.folder, request.name);
    case "block":
      return put(request.buffer, request.bytes);
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
