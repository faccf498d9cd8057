import { upload } from "../../app/api.ts";
import type { Call } from "../../app/call.svelte.ts";
import { codeOf, refusalOf } from "../../app/refusals.ts";
import { readJson, write } from "../../app/store.ts";
import { Thumbnails } from "../../app/thumbnails.svelte.ts";
import type { Image } from "../../wire/types.gen.ts";

/** What trying again does not change: the picture itself is refused. */
const OF_THE_PICTURE = new Set(["image_type_refused", "image_too_large", "image_unreadable"]);

export const ACCEPTED = ["image/jpeg", "image/png", "image/webp", "image/gif"] as const;

/** The one picture that waits to be sent with the message being written. */
export class Attachment {
  preview = $state<string | null>(null);
  /** 0..1 while it goes up. */
  progress = $state(0);
  state = $state<"none" | "uploading" | "ready" | "failed">("none");
  failure = $state("");
  /** Whether it may go better another time. */
  passing = $state(false);
  image = $state.raw<Image | null>(null);
  #file: File | null = null;
  #abort: AbortController | null = null;

  constructor(private readonly call: Call) {
    const kept = readJson("sessionStorage", this.#key) as Image | null;
    if (typeof kept?.file_id !== "string") return;
    this.preview = `${call.start.base}/r/${call.room.slug}/images/${kept.file_id}`;
    this.image = kept;
    this.state = "ready";
  }

  async add(file: File): Promise<void> {
    this.clear();
    this.#file = file;
    this.preview = URL.createObjectURL(file);
    if (!(ACCEPTED as readonly string[]).includes(file.type)) {
      this.#fail("image_type_refused");
      return;
    }
    if (file.size > this.call.start.limits.image_bytes) {
      this.#fail("image_too_large");
      return;
    }
    await this.#send(file);
  }

  /** It is being sent: those present see it in small before they have it. */
  spread(): void {
    const { image } = this;
    if (image && this.#file) void this.call.have(Thumbnails).spread(image.file_id, this.#file);
  }

  retry(): void {
    if (this.#file) void this.#send(this.#file);
  }

  clear(): void {
    this.close();
    write("sessionStorage", this.#key, null);
    this.preview = null;
    this.image = null;
    this.#file = null;
    this.progress = 0;
    this.state = "none";
    this.failure = "";
  }

  /** The page lets go of it; a picture that is up already is there again after a reload. */
  close(): void {
    this.#abort?.abort();
    this.#abort = null;
    if (this.preview?.startsWith("blob:")) URL.revokeObjectURL(this.preview);
  }

  get #key(): string {
    return `moim.picture.${this.call.room.slug}`;
  }

  async #send(file: File): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.state = "uploading";
    this.progress = 0;
    try {
      const image = await upload<Image>(
        this.call.caller,
        `/r/${this.call.room.slug}/images`,
        file,
        (part) => (this.progress = part),
        abort.signal,
      );
      if (abort.signal.aborted) return;
      this.image = image;
      this.state = "ready";
      write("sessionStorage", this.#key, JSON.stringify(image));
    } catch (error) {
      if (!abort.signal.aborted) this.#fail(codeOf(error));
    }
  }

  #fail(code: string): void {
    this.state = "failed";
    this.failure = refusalOf(code).text();
    this.passing = !OF_THE_PICTURE.has(code);
  }
}

/** The first picture of what was pasted or dropped; other files are not the chat's own. */
export function imageIn(transfer: DataTransfer | null): File | null {
  return [...(transfer?.files ?? [])].find(({ type }) => type.startsWith("image/")) ?? null;
}

export const holdsFiles = (transfer: DataTransfer | null): boolean =>
  transfer?.types.includes("Files") ?? false;
