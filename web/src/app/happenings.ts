import type { Durable } from "../meeting/fold.ts";
import type { PassingFrame, Room } from "../wire/types.gen.ts";

export type EventHandler = (event: Durable, before: Room, after: Room) => void;
export type ReplacedHandler = (before: Room, after: Room) => void;
export type PassingHandler = (frame: PassingFrame) => void;

/** What happens in a room, for whoever listens: numbered events, passing ones, and a fresh start. */
export class Happenings {
  private readonly events = new Set<EventHandler>();
  private readonly replacing = new Set<ReplacedHandler>();
  private readonly passings = new Map<string, Set<PassingHandler>>();

  onEvent(handler: EventHandler): () => void {
    this.events.add(handler);
    return () => this.events.delete(handler);
  }

  onReplaced(handler: ReplacedHandler): () => void {
    this.replacing.add(handler);
    return () => this.replacing.delete(handler);
  }

  onPassing(type: string, handler: PassingHandler): () => void {
    let handlers = this.passings.get(type);
    if (!handlers) this.passings.set(type, (handlers = new Set()));
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  happened(event: Durable, before: Room, after: Room): void {
    for (const handler of this.events) handler(event, before, after);
  }

  replaced(before: Room, after: Room): void {
    for (const handler of this.replacing) handler(before, after);
  }

  passed(type: string, frame: PassingFrame): void {
    for (const handler of this.passings.get(type) ?? []) handler(frame);
  }
}
