/**
 * When to look for a new network path, and when to build a new connection: a clock beside the
 * connection, which heals most short breaks by itself.
 *
 * Seats and tracks stay through all of it. An ICE restart keeps the connection and its keys; only
 * when several brought nothing, although the other end hears us, the connection is made anew.
 */

/** A break that lasted this long is not a hiccup. */
const DISCONNECTED_MS = 2_000;
/** ICE itself gives up after 15 to 30 s; before that, a slow start is left alone. */
const CONNECTING_MS = 15_000;
/** Between two actions while there is still no connection. */
const AGAIN_MS = [6_000, 10_000, 15_000] as const;
/** The polite end waits longer, so that the two ends do not restart into each other. */
const POLITE_MS = 1_000;
const RESTARTS_BEFORE_REBUILD = 3;

export interface RecoveryActions {
  restart(): void;
  rebuild(): void;
  /** Whether what we say arrives: while signalling is away, nothing can be rebuilt. */
  heard(): boolean;
}

export class Recovery {
  private actions_taken = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private state: RTCPeerConnectionState = "new";

  constructor(
    private readonly polite: boolean,
    private readonly actions: RecoveryActions,
  ) {
    this.wait(CONNECTING_MS);
  }

  /** Actions since the connection was last there. */
  get tries(): number {
    return this.actions_taken;
  }

  onState(state: RTCPeerConnectionState): void {
    const before = this.state;
    this.state = state;
    if (state === "connected" || state === "closed") {
      this.actions_taken = 0;
      clearTimeout(this.timer);
      this.timer = undefined;
    } else if (state === "failed") {
      if (this.actions_taken === 0) this.wait(0);
    } else if (state === "disconnected") {
      this.wait(DISCONNECTED_MS);
    } else if (before === "connected") {
      // Straight to "connecting": somebody restarted ICE already.
      this.wait(CONNECTING_MS);
    }
  }

  close(): void {
    this.onState("closed");
  }

  private wait(delay_ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(), delay_ms + (this.polite ? POLITE_MS : 0));
  }

  private act(): void {
    this.actions_taken += 1;
    this.wait(AGAIN_MS[Math.min(this.actions_taken, AGAIN_MS.length) - 1] ?? 0);
    if (this.actions_taken > RESTARTS_BEFORE_REBUILD && this.actions.heard()) {
      this.actions.rebuild();
    } else {
      this.actions.restart();
    }
  }
}
