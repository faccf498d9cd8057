/**
 * Keeps the credential for the relay fresh: a call may last longer than it holds, and a path that
 * breaks after that could not be found again.
 *
 * It comes with the seat. After half of its life the next one is asked for; connections that stand
 * are told of it, and use it when they look for a path the next time.
 */
import type { RoomLink } from "../wire/link.ts";
import type { IceServer, IceSettings } from "../wire/types.gen.ts";

const AGAIN_MS = 30_000;
/** Timers are late in a background tab; half of the life is time enough for that. */
const PART_OF_LIFE = 0.5;

export type IceLink = Pick<RoomLink, "command" | "on" | "ice">;

export class RelayCredential {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #off: () => void;
  #closed = false;

  constructor(
    private readonly link: IceLink,
    private readonly take: (servers: RTCIceServer[]) => void,
  ) {
    this.#off = link.on("ice", (ice) => this.#taken(ice));
    if (link.ice) this.#schedule(link.ice);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#off();
  }

  #taken(ice: IceSettings): void {
    this.take(iceServers(ice.servers));
    this.#schedule(ice);
  }

  #schedule(ice: IceSettings): void {
    // The wire leaves out what is nothing.
    if (!ice.lifetime_s) return;
    this.#after(ice.lifetime_s * 1_000 * PART_OF_LIFE);
  }

  #after(delay_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), delay_ms);
  }

  async #refresh(): Promise<void> {
    try {
      const { ice } = await this.link.command("ice.refresh", {});
      if (!this.#closed) this.#taken(ice);
    } catch {
      // The server is away, and brings a credential with the seat when it is back; or it is busy.
      if (!this.#closed) this.#after(AGAIN_MS);
    }
  }
}

/** As the browser wants them: what is nothing is not there at all. */
export function iceServers(servers: readonly IceServer[]): RTCIceServer[] {
  return servers.map(({ urls, username, credential }) => ({
    urls,
    ...(username ? { username } : {}),
    ...(credential ? { credential } : {}),
  }));
}
