import type { Emitter } from "./events";
import type { RemoteTrack, SessionEvents, Source } from "./session";

/**
 * What arrives from the others, by whatever plane: silent and black unless the room allows it,
 * whatever they send.
 */
export class Remotes<T extends RemoteTrack = RemoteTrack> {
  private readonly tracks = new Map<string, Map<Source, T>>();
  private readonly allowances = new Map<string, ReadonlySet<Source>>();

  constructor(private readonly emitter: Emitter<SessionEvents>) {}

  get(identity: string, source: Source): T | undefined {
    return this.tracks.get(identity)?.get(source);
  }

  of(identity: string): readonly T[] {
    return [...(this.tracks.get(identity)?.values() ?? [])];
  }

  all(): readonly T[] {
    return [...this.tracks.values()].flatMap((tracks) => [...tracks.values()]);
  }

  allow(identity: string, source: Source, on: boolean): void {
    const allowed = new Set(this.allowances.get(identity));
    if (on) allowed.add(source);
    else allowed.delete(source);
    this.setAllowed(identity, allowed);
  }

  setAllowed(identity: string, allowed: ReadonlySet<Source>): void {
    this.allowances.set(identity, allowed);
    for (const remote of this.of(identity)) {
      const on = allowed.has(remote.source);
      if (remote.allowed === on) continue;
      remote.track.enabled = on;
      const track = { ...remote, allowed: on };
      this.tracks.get(identity)?.set(remote.source, track);
      this.emitter.emit("track", { change: "changed", track });
    }
  }

  add(remote: T): void {
    const { identity, source } = remote;
    const allowed = this.allowances.get(identity)?.has(source) ?? false;
    remote.track.enabled = allowed;
    const track = { ...remote, allowed };
    let tracks = this.tracks.get(identity);
    if (tracks === undefined) this.tracks.set(identity, (tracks = new Map()));
    tracks.set(source, track);
    this.emitter.emit("track", { change: "added", track });
  }

  remove(identity: string, source: Source): void {
    const remote = this.get(identity, source);
    if (remote === undefined) return;
    this.tracks.get(identity)?.delete(source);
    this.emitter.emit("track", { change: "removed", track: { ...remote, allowed: false } });
  }

  forget(identity: string): void {
    this.allowances.delete(identity);
    for (const { source } of this.of(identity)) this.remove(identity, source);
    this.tracks.delete(identity);
  }
}
