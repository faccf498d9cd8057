import { type MediaSession, type Source, SOURCES } from "../media/session.ts";
import { may, RIGHT_OF } from "../meeting/rights.ts";
import { trackOf } from "../meeting/tracks.ts";
import type { Room } from "../wire/types.gen.ts";
import type { RoomLink } from "../wire/link.ts";
import type { MediaSink } from "./media_sink.ts";

/**
 * Keeps what the room says of our tracks equal to what we send. The session is the truth about our
 * own acts; the room is the truth about a host's mute. Nothing here ever unmutes the session.
 */
export class Publishing implements MediaSink {
  #underway = new Set<Source>();
  /** The number after which the room shows what was asked for last. */
  #awaited = new Map<Source, number>();
  #settled = false;

  constructor(
    private readonly session: MediaSession,
    private readonly link: RoomLink,
    private readonly me: string,
  ) {}

  async publish(source: Source, track: MediaStreamTrack, muted: boolean): Promise<void> {
    if (!this.#may(source)) {
      track.stop();
      return;
    }
    await this.session.publish(source, track, { muted });
    this.reconcile();
  }

  async publishShare(track: MediaStreamTrack, mode: "text" | "motion"): Promise<void> {
    if (!this.#may("screen_share")) {
      track.stop();
      return;
    }
    await this.session.publish("screen_share", track, { muted: false, mode });
    this.reconcile();
  }

  setShareMode(mode: "text" | "motion"): void {
    this.session.setShareMode(mode);
    this.reconcile();
  }

  async mute(source: Source): Promise<void> {
    if (this.session.local(source) === null) return;
    await this.session.setMuted(source, true);
    this.reconcile();
  }

  async unmute(source: Source): Promise<void> {
    await this.session.setMuted(source, false);
    this.reconcile();
  }

  async unpublish(source: Source): Promise<void> {
    await this.session.unpublish(source);
    this.reconcile();
  }

  /** From now on: before it, a reloaded page has not taken its devices again yet. */
  settle(): void {
    this.#settled = true;
    this.reconcile();
  }

  /** Asks the room for whatever it shows differently. Called after each act and each event. */
  reconcile(): void {
    if (!this.#settled || this.link.status !== "online") return;
    for (const source of SOURCES) this.#reconcileOne(source, this.link.room);
  }

  #reconcileOne(source: Source, room: Room): void {
    if (this.#underway.has(source)) return;
    if ((room.streams["room"] ?? 0) < (this.#awaited.get(source) ?? 0)) return;
    const want = this.#may(source) ? this.session.local(source) : null;
    const have = trackOf(room, this.me, source);
    if (want && !have) {
      this.#ask(source, "track.publish", { source, muted: want.muted, mode: want.mode });
    } else if (!want && have) {
      this.#ask(source, "track.unpublish", { source });
    } else if (want && have && want.mode !== have.mode) {
      this.#ask(source, "track.publish", { source, muted: want.muted, mode: want.mode });
    } else if (want && have && want.muted !== have.muted) {
      this.#ask(source, want.muted ? "track.mute" : "track.unmute", { source });
    }
  }

  /** What the room would refuse is neither sent nor asked for. */
  #may(source: Source): boolean {
    return may(this.link.room, this.me, RIGHT_OF[source]);
  }

  #ask(
    source: Source,
    ...asked:
      | ["track.publish", { source: Source; muted: boolean; mode: "text" | "motion" | null }]
      | ["track.unpublish" | "track.mute" | "track.unmute", { source: Source }]
  ): void {
    this.#underway.add(source);
    const [name, fields] = asked;
    const answer =
      name === "track.publish"
        ? this.link.command(name, fields)
        : this.link.command(name, { source: fields.source });
    void answer
      .then(({ seq }) => void this.#awaited.set(source, seq))
      .catch(() => undefined)
      .finally(() => {
        this.#underway.delete(source);
        this.reconcile();
      });
  }
}
