import { MeshSession } from "../media/mesh.ts";
import type { OpenedSession, PlaneName } from "../media/handover.ts";
import { MovingSession } from "../media/moving_session.ts";
import type { Access } from "../media/sfu_line.ts";
import { ReliableSignals, type SignalRelay } from "../media/signals.ts";
import type { RoomLink } from "../wire/link.ts";
import type { Room } from "../wire/types.gen.ts";
import { Absence } from "./absence.ts";
import { iceServers, RelayCredential } from "./relay.ts";
import { waysIn, type Here } from "./sfu_access.ts";

/** The SFU's part of the program is large, and loaded where a meeting needs it. */
export const loadSfu = () => import("../media/sfu.ts");
export type SfuModule = Awaited<ReturnType<typeof loadSfu>>;

/** Whether a room's call is begun on the SFU, whose program must then be there. */
export const beginsOnSfu = (room: Room): boolean => room.meeting?.plane === "sfu";

/**
 * The planes of one call: makes sessions on them, moves between them as the room says, and tells
 * the room how that goes.
 */
export class CallPlanes {
  readonly session: MovingSession;
  private readonly relay: RelayCredential;
  private readonly signals = new Set<ReliableSignals>();
  private readonly absence: Absence;
  private servers: readonly RTCIceServer[];
  private begun_ms = 0;

  constructor(
    private readonly link: RoomLink,
    private readonly self: string,
    private readonly wire: SignalRelay,
    sfu: SfuModule | null,
    private readonly here: Here,
  ) {
    const { room } = link;
    this.servers = iceServers(link.ice?.servers ?? []);
    this.absence = new Absence(link);
    const plane: PlaneName = sfu === null ? "mesh" : "sfu";
    const epoch = room.meeting?.epoch ?? room.epoch;
    this.session = new MovingSession({
      first: sfu === null ? this.mesh(epoch) : this.through(sfu, true),
      plane,
      epoch,
      make: (to, at) => this.make(to, at),
      ready: (at) => void link.command("plane.ready", { epoch: at }).catch(() => undefined),
      giveUp: (at, reason) => void this.giveUp(at, reason),
    });
    this.relay = new RelayCredential(link, (servers) => {
      this.servers = servers;
      this.session.setIceServers(servers);
    });
  }

  follow({ meeting }: Room): void {
    if (meeting) this.session.setPlane(meeting);
  }

  /** Whether this browser reaches the SFU; null when the server itself was away meanwhile. */
  async trySfu(): Promise<boolean | null> {
    const begun_ms = performance.now();
    try {
      const { trySfu } = await loadSfu();
      const way = await trySfu(() => this.access(true), { iceServers: [...this.servers] });
      if (way !== "blocked" && way !== "away") return true;
    } catch {
      // Its part of the program did not come.
    }
    return (await this.wasThereSince(begun_ms)) ? false : null;
  }

  private async access(trial: boolean): Promise<Access> {
    const { access } = await this.link.command("plane.access", { trial });
    return waysIn(this.here, access);
  }

  /**
   * Whether the server was there all the time. It is asked once more: a connection that broke this
   * moment is not known to be broken yet.
   */
  private async wasThereSince(begun_ms: number): Promise<boolean> {
    try {
      await this.access(true);
    } catch {
      return false;
    }
    return !this.absence.since(begun_ms);
  }

  private async giveUp(epoch: number, reason: "no_way" | "failed"): Promise<void> {
    const { begun_ms } = this;
    const known = reason === "no_way" && !(await this.wasThereSince(begun_ms)) ? "failed" : reason;
    await this.link.command("plane.give_up", { epoch, reason: known }).catch(() => undefined);
  }

  setReachable(up: boolean): void {
    for (const signals of this.signals) signals.setReachable(up);
  }

  close(): void {
    this.session.close();
    this.absence.close();
    for (const signals of this.signals) signals.close();
    this.relay.close();
  }

  private async make(plane: PlaneName, epoch: number): Promise<OpenedSession> {
    this.begun_ms = performance.now();
    return plane === "mesh" ? this.mesh(epoch) : this.through(await loadSfu(), false);
  }

  private mesh(epoch: number): OpenedSession {
    const signals = new ReliableSignals({ self: this.self, epoch, relay: this.wire });
    this.signals.add(signals);
    signals.setReachable(this.link.status === "online");
    const close = (): void => {
      signals.close();
      this.signals.delete(signals);
    };
    return new MeshSession({
      signals,
      iceServers: this.servers,
      transportPolicy: this.link.ice?.transport_policy ?? "all",
      onclose: close,
    });
  }

  /** With `keep` it goes on trying: there is no other plane to stay on. */
  private through({ SfuSession }: SfuModule, keep: boolean): OpenedSession {
    const session = new SfuSession({
      self: this.self,
      access: () => this.access(false),
      iceServers: this.servers,
      transportPolicy: this.link.ice?.transport_policy ?? "all",
    });
    if (keep) void session.keep();
    return session;
  }
}
