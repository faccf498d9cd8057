/** The page's end of `vault.worker.ts`: one for each file that arrives or is digested. */
import type { VaultAnswer, VaultRequest } from "./vault.worker.ts";

const ROOT = "moim-files";
const LOCK = "moim.files.";

export interface VaultEvents {
  readonly wrote: (bytes: number) => void;
  readonly ended: (file: Blob, sha256: string) => void;
  readonly failed: (why: "full" | "broken") => void;
}

function startWorker(): Worker {
  return new Worker(new URL("./vault.worker.ts", import.meta.url), { type: "module" });
}

export class Vault {
  readonly #worker = startWorker();

  constructor(folder: string, name: string, events: VaultEvents) {
    this.#worker.onmessage = ({ data }: MessageEvent<VaultAnswer>) => {
      switch (data.did) {
        case "wrote":
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
    this.#ask({ do: "piece", piece }, [piece]);
  }

  end(): void {
    this.#ask({ do: "end" });
  }

  close(): void {
    this.#worker.terminate();
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
