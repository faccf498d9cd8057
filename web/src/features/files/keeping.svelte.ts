import type { Upload } from "tus-js-client";
import type { Call } from "../../app/call.svelte.ts";
import { codeOf } from "../../app/refusals.ts";
import { Pace } from "./pace.ts";

/** Proxies in front of a server often take no larger request. */
const PIECE_BYTES = 8 * 1024 * 1024;
const RETRY_AFTER_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000];

/** A file on its way into the room's store, by the tus protocol: an interrupted one goes on. */
export class Keeping {
  state = $state<"waiting" | "uploading" | "paused" | "checking" | "done" | "failed">("waiting");
  sent = $state(0);
  /** The code of the refusal, once it failed. */
  why = $state<string | null>(null);
  readonly pace = new Pace();
  #upload: Upload | null = null;
  #closed = false;

  constructor(
    private readonly call: Call,
    private readonly id: string,
    private readonly file: File,
    private readonly name: string,
  ) {
    if (file.size > call.start.limits.file_bytes) this.#fail("file_too_large");
    else void this.#begin();
  }

  get isOver(): boolean {
    return this.state === "done" || this.state === "failed";
  }

  pause(on: boolean): void {
    if (this.isOver || this.state === "checking") return;
    this.pace.rest();
    if (on) void this.#upload?.abort();
    else this.#upload?.start();
    this.state = on ? "paused" : "uploading";
  }

  retry(): void {
    this.why = null;
    this.state = "uploading";
    if (this.#upload) this.#upload.start();
    else void this.#begin();
  }

  /** The server is there again. */
  resumed(): void {
    if (this.state === "failed" && (this.why === "offline" || this.why === "server_stopping")) {
      this.retry();
    }
  }

  cancel(): void {
    if (this.isOver) return;
    // What is there of it already goes as well; a server that is away sweeps it later.
    this.#upload?.abort(true).catch(() => undefined);
    this.#fail("cancelled");
  }

  close(): void {
    this.#closed = true;
    if (!this.isOver) void this.#upload?.abort();
  }

  async #begin(): Promise<void> {
    const { base, csrf, token } = this.call.caller;
    const tus = await import("tus-js-client").catch(() => null);
    if (this.#closed || this.isOver) return;
    if (tus === null) return this.#fail("offline");
    const headers: Record<string, string> = { Accept: "application/json" };
    if (token === null) headers["X-Moim-CSRF"] = csrf;
    else headers["Authorization"] = `Bearer ${token}`;
    const upload = new tus.Upload(this.file, {
      endpoint: `${base}/r/${this.call.room.slug}/uploads`,
      headers,
      metadata: { filename: this.name, transfer: this.id },
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_AFTER_MS,
      removeFingerprintOnSuccess: true,
      onProgress: (sent, all) => {
        this.sent = sent;
        this.pace.note(sent, Date.now());
        // The server answers the last piece once it has looked at the whole file.
        if (sent === all && this.state === "uploading") this.state = "checking";
      },
      onSuccess: () => (this.state = "done"),
      onError: (error) => this.#fail(codeIn(error)),
    });
    this.#upload = upload;
    this.state = "uploading";
    const before = await upload.findPreviousUploads();
    const [last] = before.sort((a, b) => b.creationTime.localeCompare(a.creationTime));
    if (last) upload.resumeFromPreviousUpload(last);
    upload.start();
  }

  #fail(why: string): void {
    this.state = "failed";
    this.why = why;
    this.pace.rest();
  }
}

/** The code in the server's answer; without an answer the server is away. */
function codeIn(error: unknown): string {
  const answer =
    typeof error === "object" && error !== null && "originalResponse" in error
      ? (error.originalResponse as { getBody(): string } | null)
      : null;
  if (answer === null) return "offline";
  try {
    const said = JSON.parse(answer.getBody()) as { error?: unknown };
    return codeOf(said.error);
  } catch {
    return "unknown";
  }
}
