import { findSeat } from "../meeting/membership.ts";
import type { RoomLink } from "../wire/link.ts";
import type { CallPlanes } from "./planes.ts";

/** When somebody has come in, what matters first is that they see and hear. */
export const TRY_AFTER_MS = 4_000;

export type WaysLink = Pick<RoomLink, "command" | "room" | "status">;
export type WaysPlanes = Pick<CallPlanes, "trySfu"> & {
  readonly session: Pick<CallPlanes["session"], "on" | "plane">;
};

/**
 * Tells the room which ways this browser has: whether it reaches the SFU, tried while the call is
 * still on the mesh, so that a call that grows does not break; and whom it does not reach directly.
 */
export class Ways {
  private sfu: boolean | null = null;
  private readonly noWay = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly off: () => void;
  private asking = false;
  private closed = false;

  constructor(
    private readonly link: WaysLink,
    private readonly self: string,
    private readonly planes: WaysPlanes,
    hasSfu: boolean,
  ) {
    this.off = planes.session.on("peer", ({ identity, unreachable, state }) => {
      if (planes.session.plane !== "mesh") return;
      const before = this.noWay.size;
      if (unreachable && state !== "closed") this.noWay.add(identity);
      else this.noWay.delete(identity);
      if (this.noWay.size !== before) this.reconcile();
    });
    if (hasSfu) this.lookLater();
  }

  /** The seat may be a new one that knows nothing of it yet. */
  reconcile(): void {
    const { link } = this;
    const seat = findSeat(link.room, this.self);
    if (!seat || this.asking || this.closed || link.status !== "online") return;
    const { sfu } = this;
    const noWay = this.planes.session.plane === "mesh" ? [...this.noWay] : seat.no_way;
    const present = noWay.filter((identity) => findSeat(link.room, identity));
    if (seat.sfu === (sfu ?? seat.sfu) && sameSet(seat.no_way, present)) return;
    this.asking = true;
    void link
      .command("plane.report", { sfu: sfu ?? seat.sfu, no_way: present })
      .catch(() => undefined)
      .finally(() => (this.asking = false));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.off();
  }

  private lookLater(): void {
    this.timer = setTimeout(() => void this.look(), TRY_AFTER_MS);
  }

  private async look(): Promise<void> {
    const { planes } = this;
    const found = planes.session.plane === "sfu" ? true : await planes.trySfu();
    if (this.closed) return;
    if (found === null) this.lookLater();
    else {
      this.sfu = found;
      this.reconcile();
    }
  }
}

const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));
