import type { LinkStatus } from "../wire/link.ts";

/** A gap shorter than this is nobody's business. */
const PATIENCE_MS = 1_000;

/** Whether the server is there, and whether a person should be told that it is not. */
export class Connection {
  status = $state<LinkStatus>("connecting");
  /** True once the server has been away for a second. */
  banner = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  get online(): boolean {
    return this.status === "online";
  }

  become(status: LinkStatus): void {
    this.status = status;
    clearTimeout(this.#timer);
    if (status === "offline" || status === "connecting") {
      this.#timer = setTimeout(() => (this.banner = true), PATIENCE_MS);
    } else {
      this.banner = false;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.banner = false;
  }
}
