/**
 * The order of things: frames in, folded room out. A frame whose `prev` is not what we hold means
 * that some were lost; what follows waits until `sync` has brought the tail or a snapshot.
 */

import { apply, type Durable, emptyRoom } from "../meeting/fold";
import type { Room } from "./types.gen";

/** While catching up; beyond it a snapshot is cheaper than what waits. */
const WAITING_LIMIT = 1_000;

export interface StreamHooks {
  /** A frame was folded. */
  applied(event: Durable, room: Room): void;
  /** The room was replaced as a whole. */
  replaced(room: Room): void;
  /** Something is missing: ask for it, then call `caughtUp` or `replace`. */
  gap(): void;
}

export class EventStream {
  room: Room = emptyRoom();
  private waiting: Durable[] = [];
  /** Nothing is folded before the first snapshot. */
  private behind = true;

  constructor(private readonly hooks: StreamHooks) {}

  /** One frame from the server, in whatever order it came. */
  receive(event: Durable): void {
    if (this.behind) {
      if (this.waiting.length < WAITING_LIMIT) this.waiting.push(event);
      return;
    }
    const cursor = this.room.streams[event.stream] ?? 0;
    if (event.seq <= cursor) return;
    if (event.prev > cursor) {
      this.waiting.push(event);
      this.pause();
      this.hooks.gap();
      return;
    }
    this.room = apply(this.room, event);
    this.hooks.applied(event, this.room);
  }

  /** From now on frames wait: a sync is under way. */
  pause(): void {
    this.behind = true;
  }

  /** The tail since our cursors, in the order of the room. */
  caughtUp(frames: readonly Durable[]): void {
    this.behind = false;
    for (const frame of frames) this.receive(frame);
    this.release();
  }

  /** The whole room, as the server sees it for us. */
  replace(room: Room): void {
    this.behind = false;
    this.room = room;
    this.hooks.replaced(room);
    this.release();
  }

  private release(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const frame of waiting) this.receive(frame);
  }
}
