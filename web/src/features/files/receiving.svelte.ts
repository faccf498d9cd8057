import type { Call } from "../../app/call.svelte.ts";
import type { ByteSource } from "../../media/session.ts";
import { type Said, TOPIC } from "./offers.ts";
import { Pace, TELL_EVERY_MS } from "./pace.ts";
import { forget, Vault } from "./vault.ts";

/**
 * `offered`: waits for a yes. `asked`: a yes was said, or the connection was lost; bytes will come.
 * `checking`: all bytes are here. `failed`: see `why`.
 */
export type ReceivingState =
  "offered" | "asked" | "receiving" | "checking" | "done" | "failed" | "cancelled";

/** A file that somebody present has for us. */
export class Receiving {
  state = $state<ReceivingState>("offered");
  /** How much has come, for the eye: told now and then. */
  got = $state(0);
  pausedHere = $state(false);
  pausedThere = $state(false);
  why = $state<"full" | "broken" | "corrupt" | null>(null);
  /** Where the whole file can be had from, once it is here. */
  href = $state<string | null>(null);
  readonly pace = new Pace();

  #vault: Vault | null = null;
  #source: ByteSource | null = null;
  /** What has come, and how much of it is on the disk. */
  #came = 0;
  #written = 0;
  #told_ms = 0;
  /** Of it, what came through an earlier connection: nobody waits to hear of it. */
  #stale = 0;
  #expected: string | null = null;

  constructor(
    private readonly call: Call,
    private readonly folder: Promise<string>,
    readonly from: string,
    readonly fromName: string,
    readonly id: string,
    readonly name: string,
    readonly size: number,
  ) {}

  get isOver(): boolean {
    return this.state === "done" || this.state === "failed" || this.state === "cancelled";
  }

  get isUnderWay(): boolean {
    return !this.isOver && this.state !== "offered";
  }

  accept(): void {
    this.state = "asked";
    void this.#ask();
  }

  decline(): void {
    this.#say({ kind: "decline", id: this.id });
    this.#end("cancelled");
  }

  pause(on: boolean): void {
    this.pausedHere = on;
    this.pace.rest();
    this.#say({ kind: "pause", id: this.id, on });
  }

  cancel(): void {
    this.#say({ kind: "cancel", id: this.id });
    this.#end("cancelled");
  }

  /** The sender is there, perhaps again. */
  offeredAgain(): void {
    if (this.state === "done") this.#say({ kind: "have", id: this.id });
    if (!this.isUnderWay || this.state === "checking") return;
    this.#source?.abort();
    this.state = "asked";
    void this.#ask();
  }

  paused(on: boolean): void {
    this.pausedThere = on;
    this.pace.rest();
  }

  cancelled(): void {
    if (!this.isOver) this.#end("cancelled");
  }

  /** The bytes that we asked for begin to come. False for any that we did not ask for. */
  begins(source: ByteSource, from: number): boolean {
    if (this.state !== "asked" || from !== this.#came || !this.#vault) return false;
    this.#source = source;
    this.#stale = this.#came - this.#written;
    this.state = "receiving";
    source.onpiece = (piece) => {
      this.#came += piece.byteLength;
      this.#tell();
      if (this.#came > this.size) this.#fail("corrupt");
      else this.#vault?.put(piece);
    };
    source.onlast = (last) => {
      if (this.#came !== this.size) return this.#fail("corrupt");
      this.#tell(true);
      this.#expected = digestIn(last);
      this.state = "checking";
      this.#vault?.end();
    };
    source.onlost = () => {
      // Resumed from what is on the disk when the sender is back and offers it again.
      this.#source = null;
      this.#vault?.rest();
      this.pace.rest();
      if (this.state === "receiving") this.state = "asked";
      else if (this.state === "checking" && this.#expected === null) this.#fail("broken");
    };
    return true;
  }

  close(): void {
    this.#source?.abort();
    this.#vault?.close();
    if (this.href !== null) URL.revokeObjectURL(this.href);
    void this.folder.then((folder) => forget(folder, this.id));
  }

  async #ask(): Promise<void> {
    const folder = await this.folder;
    this.#vault ??= new Vault(folder, this.id, {
      wrote: (bytes) => this.#wrote(bytes),
      ended: (file, sha256) => this.#ended(file, sha256),
      failed: (why) => this.#fail(why),
    });
    if (this.state === "asked") this.#say({ kind: "want", id: this.id, from: this.#came });
    if (this.pausedHere) this.#say({ kind: "pause", id: this.id, on: true });
  }

  #tell(now = false): void {
    const now_ms = Date.now();
    if (!now && now_ms - this.#told_ms < TELL_EVERY_MS) return;
    this.#told_ms = now_ms;
    this.got = this.#came;
    this.pace.note(this.got, now_ms);
  }

  #wrote(bytes: number): void {
    this.#written += bytes;
    const stale = Math.min(this.#stale, bytes);
    this.#stale -= stale;
    if (bytes > stale) this.#source?.take(bytes - stale);
  }

  #ended(file: Blob, sha256: string): void {
    if (this.state !== "checking") return;
    if (sha256 !== this.#expected) return this.#fail("corrupt");
    this.#source?.done();
    // No type: nothing that arrived is ever shown as a page of ours.
    this.href = URL.createObjectURL(file.slice(0, file.size, "application/octet-stream"));
    this.#vault?.close();
    this.#vault = null;
    this.state = "done";
  }

  #fail(why: "full" | "broken" | "corrupt"): void {
    if (this.isOver) return;
    this.why = why;
    this.#say({ kind: "cancel", id: this.id });
    this.#end("failed");
  }

  #end(state: "failed" | "cancelled"): void {
    this.state = state;
    this.close();
    this.#vault = null;
    this.#source = null;
  }

  #say(said: Said): void {
    this.call.session.data.send(TOPIC, said, [this.from]);
  }
}

function digestIn(last: unknown): string | null {
  if (typeof last !== "object" || last === null || !("sha256" in last)) return null;
  return typeof last.sha256 === "string" ? last.sha256 : null;
}
