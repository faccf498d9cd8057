import type { RoomLink } from "../wire/link.ts";

/** When the server was away last: what did not work meanwhile says nothing of what was tried. */
export class Absence {
  private last_ms = -Infinity;
  private readonly off: () => void;

  constructor(private readonly link: Pick<RoomLink, "status" | "on">) {
    let online = link.status === "online";
    this.off = link.on("status", (status) => {
      const before = online;
      online = status === "online";
      if (!online || !before) this.last_ms = performance.now();
    });
  }

  /** Whether it was away at any moment since then. */
  since(begun_ms: number): boolean {
    return this.link.status !== "online" || this.last_ms >= begun_ms;
  }

  close(): void {
    this.off();
  }
}
