/**
 * Whether two networks let a connection pass at all. ICE alone does not say it: a participant who
 * is away looks the same. So it is said only while descriptions go to and fro by the server.
 */

/** Slow relays and crowded networks connect within this; what does not rarely does later. */
const PATIENCE_MS = 12_000;
const LOOK_AGAIN_MS = 2_000;

export interface ReachPort {
  /** Each end has the other's description, and nothing that we said waits for an answer. */
  exchanged(): boolean;
  changed(): void;
}

export class Reach {
  unreachable = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private connected = false;

  constructor(private readonly port: ReachPort) {
    this.look(PATIENCE_MS);
  }

  onState(state: RTCPeerConnectionState): void {
    if (state === "connected") {
      this.connected = true;
      this.stop();
      this.become(false);
    } else if (state !== "closed" && this.connected) {
      this.connected = false;
      this.look(PATIENCE_MS);
    }
  }

  assume(): void {
    this.unreachable = true;
  }

  close(): void {
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private look(delay_ms: number): void {
    this.stop();
    this.timer = setTimeout(() => {
      // What was found out holds until a packet passes, also while another try is under way.
      if (this.port.exchanged()) this.become(true);
      else this.look(LOOK_AGAIN_MS);
    }, delay_ms);
  }

  private become(unreachable: boolean): void {
    if (this.unreachable === unreachable) return;
    this.unreachable = unreachable;
    this.port.changed();
  }
}
