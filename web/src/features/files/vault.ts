/** The page's end of `vault.worker.ts`: one for each file that arrives or is digested. */
import type { VaultAnswer, VaultRequest } from "./vault.worker.ts";

const ROOT = "moim-files";
const LOCK = "moim.files.";
/**
 * With what `streams.ts` tells late, far below the smallest window (a mebibyte): a sender that waits
 * to hear of bytes that wait here for a full block would wait for good.
 */
const BLOCK_BYTES = 256 * 1024;
/** What comes slowly is put away, and told to its sender, in smaller blocks. */
const PATIENCE_MS = 500;

export interface VaultEvents {
  readonly wrote: (bytes: number) => void;
  readonly ended: (file: Blob, sha256: string) => void;
  readonly failed: (why: "full" | "broken") => void;
}

function startWorker(): Worker {
  return new Worker(new URL("./vault.worker.ts", import.meta.url), { type: "module" });
}

/**
 * Pieces are gathered in blocks, and the blocks' buffers go to the worker and come back: a few
 * serve a file of any size, where new ones for each piece would be a heap of garbage as large.
 */
export class Vault {
  readonly #worker = startWorker();
  readonly #spare: ArrayBuffer[] = [];
  #block: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(folder: string, name: string, events: VaultEvents) {
    this.#worker.onmessage = ({ data }: MessageEvent<VaultAnswer>) => {
      switch (data.did) {
        case "wrote":
          this.#spare.push(data.buffer);
          events.wrote(data.bytes);
          break;
        case "end":
          events.ended(data.file, data.sha256);
          break;
        case "fail":
          events.failed(data.why);
          break;
      }
    };
    this.#worker.onerror = () => events.failed("broken");
    this.#ask({ do: "open", folder: `${ROOT}/${folder}`, name });
  }

  put(piece: ArrayBuffer): void {
    let rest = new Uint8Array(piece);
    while (rest.length > 0) {
      this.#block ??= new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(BLOCK_BYTES));
      const some = rest.subarray(0, BLOCK_BYTES - this.#filled);
      this.#block.set(some, this.#filled);
      this.#filled += some.length;
      rest = rest.subarray(some.length);
      if (this.#filled === BLOCK_BYTES) this.#flush();
    }
    if (this.#filled > 0) this.#timer ??= setTimeout(() => this.#flush(), PATIENCE_MS);
  }

  /** Nothing more comes for now: what has come is put away all the same. */
  rest(): void {
    this.#flush();
  }

  end(): void {
    this.#flush();
    this.#ask({ do: "end" });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#worker.terminate();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const buffer = this.#block?.buffer;
    if (!buffer || this.#filled === 0) return;
    this.#ask({ do: "block", buffer, bytes: this.#filled }, [buffer]);
    this.#block = null;
    this.#filled = 0;
  }

  #ask(request: VaultRequest, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }
}

/** The SHA-256 of a file in hexadecimal digits; rejects when it cannot be read any more. */
export function digestOf(file: Blob, signal: AbortSignal): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const worker = startWorker();
    worker.onmessage = ({ data }: MessageEvent<VaultAnswer>) => {
      if (data.did === "digest") resolve(data.sha256);
      else reject(new Error(data.did));
      worker.terminate();
    };
    worker.onerror = () => reject(new Error("worker"));
    signal.addEventListener("abort", () => {
      worker.terminate();
      reject(new Error("aborted"));
    });
    worker.postMessage({ do: "digest", file } satisfies VaultRequest);
  });
}

/**
 * A folder of this page's own, and the leftovers of pages that are gone removed: a page holds a
 * lock as long as it lives.
 */
export async function ownFolder(): Promise<string> {
  const name = crypto.getRandomValues(new Uint32Array(2)).join("-");
  if (!("locks" in navigator)) return name; // an insecure page: there is no such disk either
  await new Promise<void>((resolve) => {
    void navigator.locks.request(LOCK + name, () => {
      resolve();
      return new Promise<never>(() => undefined);
    });
  });
  void sweep().catch(() => undefined);
  return name;
}

async function sweep(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folders = await root.getDirectoryHandle(ROOT, { create: true });
  const { held } = await navigator.locks.query();
  const living = new Set(held?.map((lock) => lock.name));
  for await (const name of folders.keys()) {
    if (!living.has(LOCK + name)) await folders.removeEntry(name, { recursive: true });
  }
}

export async function forget(folder: string, name: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    const own = await (await root.getDirectoryHandle(ROOT)).getDirectoryHandle(folder);
    await own.removeEntry(name);
  } catch {
    // Never begun, or no such disk.
  }
}
