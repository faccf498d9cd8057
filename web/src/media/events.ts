/**
 * A typed emitter of a few lines: the media folder depends on no UI framework, and EventTarget
 * would cost its callers the types of the details.
 */
export type Handler<T> = (detail: T) => void;

export interface Listenable<Events extends object> {
  /** Calls `handler` for each event of this type until the returned function is called. */
  on<K extends keyof Events>(type: K, handler: Handler<Events[K]>): () => void;
}

export class Emitter<Events extends object> implements Listenable<Events> {
  private readonly handlers = new Map<keyof Events, Set<Handler<never>>>();

  on<K extends keyof Events>(type: K, handler: Handler<Events[K]>): () => void {
    let set = this.handlers.get(type);
    if (set === undefined) this.handlers.set(type, (set = new Set()));
    set.add(handler as Handler<never>);
    return () => set.delete(handler as Handler<never>);
  }

  emit<K extends keyof Events>(type: K, detail: Events[K]): void {
    for (const handler of [...(this.handlers.get(type) ?? [])]) {
      try {
        (handler as Handler<Events[K]>)(detail);
      } catch (error) {
        // A listener's bug must not stop the call it listens to.
        reportError(error);
      }
    }
  }

  clear(): void {
    this.handlers.clear();
  }
}
