/**
 * When to look for a new network path, and when to build a new connection: a clock beside the
 * connection, which heals most short breaks by itself.
 *
 * Seats and tracks stay through all of it. An ICE restart keeps the connection and its keys; only
 * when several brought nothing, although the other end hears us, the connection is made anew.
 *
 * Who moved to another network has lost the server too, for a moment. A restart that nobody hears
 * helps nobody, and would have gathered its candidates in a dead network: it waits for the server,
 * and goes first then.
 */

/** ICE itself gives up after 15 to 30 s; before that, a slow start is left alone. */
const CONNECTING_MS = 15_000;
/** Between two actions while there is still no connection. */
const AGAIN_MS = [4_000, 8_000, 15_000] as const;
/** The polite end waits longer, so that the two ends do not restart into each other. */
const POLITE_MS = 500;
const RESTARTS_BEFORE_REBUILD = 3;
/** What arrives this soon after the network changed was on its way before. */
const LATECOMERS_MS = 1_000;
/**
 * A restart has so long after a change of network, where the way led over a relay. Then the
 * connection is made anew: the restart goes on trying every way of before, and Chromium leaves an old
 * way that is silent already only a second after the new one works (libwebrtc's
 * `receiving_switching_delay`). A new connection has no old ways.
 */
const MOVED_MS = 700;

export interface RecoveryActions {
  restart(): void;
  /** False where that was done a moment ago. */
  rebuild(): boolean;
  /** Whether nothing comes any more from a way that led over a relay. */
  stuck(): boolean;
  /** Whether there is anybody to tell of a restart. */
  reachable(): boolean;
  /** Whether what we say arrives: while signalling is away, nothing can be rebuilt. */
  heard(): boolean;
}

export class Recovery {
  private actions_taken = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private looking: ReturnType<typeof setTimeout> | undefined;
  private state: RTCPeerConnectionState = "new";
  private troubled = false;
  private moved = false;
  private changed_ms = -Infinity;
  private theirs_ms = -Infinity;

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
    if (state === "connected" || state === "closed") this.rest();
    else if (state === "failed" || state === "disconnected") this.trouble();
    else if (before === "connected" && this.timer === undefined) this.wait(CONNECTING_MS);
  }

  /** Nothing arrives any more, though the connection may not have noticed. */
  onSilence(): void {
    this.trouble();
  }

  /** Something arrives again. */
  onFlow(): void {
    const late = performance.now() - this.changed_ms < LATECOMERS_MS;
    if (this.state === "connected" && !late) this.rest();
  }

  /** This machine is in another network: nobody else can know, so nobody is waited for. */
  onNetworkChange(): void {
    if (this.state === "new" || this.state === "closed") return;
    this.changed_ms = performance.now();
    this.moved = true;
    this.actions_taken = 0;
    this.act();
  }

  /** The other end began a restart: ours would only cross it, so it gets its time. */
  onRemoteRestart(): void {
    this.theirs_ms = performance.now();
    if (this.timer !== undefined) this.waitLonger();
  }

  /** The server is there again, so a restart is heard again. */
  onReachable(): void {
    if (this.troubled) this.act();
  }

  close(): void {
    this.onState("closed");
  }

  private rest(): void {
    this.actions_taken = 0;
    this.troubled = false;
    this.moved = false;
    this.stop();
  }

  private trouble(): void {
    const known = this.troubled || performance.now() - this.theirs_ms < AGAIN_MS[0];
    this.troubled = true;
    if (!known) this.wait(this.polite ? POLITE_MS : 0);
    else if (this.timer === undefined) this.waitLonger();
  }

  private wait(delay_ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act(), delay_ms);
  }

  private waitLonger(): void {
    const turn = Math.min(Math.max(this.actions_taken, 1), AGAIN_MS.length);
    this.wait((AGAIN_MS[turn - 1] ?? 0) + (this.polite ? POLITE_MS : 0));
  }

  private stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.looking);
    this.timer = undefined;
  }

  private act(): void {
    this.stop();
    this.troubled = true;
    if (!this.actions.reachable()) return; // until it is: see onReachable
    this.actions_taken += 1;
    const quick = this.moved && this.actions_taken > 1 && this.actions.stuck();
    const worn = this.actions_taken > RESTARTS_BEFORE_REBUILD && this.actions.heard();
    // While ICE believes in the connection it will say so when that ends.
    if (this.state !== "connected") this.waitLonger();
    if ((quick || worn) && this.actions.rebuild()) return;
    this.actions.restart();
    if (this.moved && !quick) this.look();
  }

  /** A moment after a change of network: is the way of before still the one? */
  private look(): void {
    this.looking = setTimeout(() => {
      if (this.actions.stuck()) this.act();
    }, MOVED_MS);
  }
}
