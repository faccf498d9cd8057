/**
 * The connection to an SFU, kept as long as it is wanted: LiveKit's client resumes one that broke,
 * and what it gives up is connected anew, with a fresh token, until somebody closes it.
 */
import {
  DisconnectReason,
  EngineEvent,
  LogLevel,
  Room,
  RoomEvent,
  setLogLevel,
  type RoomOptions,
} from "livekit-client";
import { pathOf, type Stat } from "./path";

// What matters is said by us, and names and addresses are nobody's to read in a console.
setLogLevel(LogLevel.silent);

/** The ways in, the best one first; a path is of the page's own address. */
export interface Access {
  readonly urls: readonly string[];
  readonly token: string;
}

export type LineState = "connecting" | "connected" | "reconnecting" | "failed";

const AGAIN_MS = 1_000;
const CONNECT_MS = 10_000;
/** Where there is another way in, nobody waits longer for this one to answer. */
const ANSWER_MS = 3_000;
/** Ways in that did not answer by then: as long as the page lives they are not waited for again. */
const silent = new Set<string>();
/** After these the client gives up, and we begin anew. */
const RESUMES_MS = [0, 300, 700];
/** We were put out: there is nothing to come back to. */
const FINAL = new Set([DisconnectReason.PARTICIPANT_REMOVED]);

export class SfuLine {
  readonly room: Room;
  state: LineState = "connecting";
  onstate: (() => void) | null = null;
  /** Connected anew: what was published is not there any more. */
  onfresh: (() => void) | null = null;
  /** Whether the SFU answered the last attempt, whatever became of it then. */
  answered = false;
  /**
   * Resolves when data would leave. While LiveKit's client mends a connection, and for up to two
   * seconds after it said `Reconnected`, it takes reliable data and may never send them.
   */
  clear: Promise<void> = Promise.resolve();
  private closed = false;
  private leaving = false;
  /** A way is tried that is not the last one: where nobody answers, nothing is lost yet. */
  private hasAnother = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private cleared: (() => void) | null = null;

  constructor(
    private readonly access: () => Promise<Access>,
    private readonly rtcConfig: () => RTCConfiguration,
    options: RoomOptions,
  ) {
    this.room = new Room({
      ...options,
      reconnectPolicy: {
        nextRetryDelayInMs: ({ retryCount }) =>
          this.leaving ? null : (RESUMES_MS[retryCount] ?? null),
      },
    });
    this.room
      .on(RoomEvent.SignalConnected, () => (this.answered = true))
      .on(RoomEvent.Reconnecting, () => this.trouble())
      .on(RoomEvent.SignalReconnecting, () => this.trouble())
      .on(RoomEvent.Reconnected, () => this.become("connected"))
      .on(RoomEvent.Disconnected, (reason) => {
        this.cleared?.();
        if (this.closed || (this.hasAnother && !this.answered)) return;
        this.become("reconnecting");
        if (reason === undefined || !FINAL.has(reason)) this.again();
      });
  }

  /** The first attempt; later ones go on by themselves. @throws when there is no way. */
  async open(): Promise<void> {
    const { urls, token } = await this.access();
    if (this.leaving) throw new Error("another session takes over");
    const ways = urls.filter((url) => !silent.has(url));
    for (const [at, url] of ways.entries()) {
      this.hasAnother = at + 1 < ways.length;
      if (await this.enter(url, token)) break;
    }
    if (this.closed || this.leaving) {
      void this.room.disconnect(false);
      return;
    }
    this.become("connected");
    this.onfresh?.();
  }

  /** Whether that was the way in. @throws when no other one would be. */
  private async enter(url: string, token: string): Promise<boolean> {
    const began_ms = performance.now();
    this.answered = false;
    try {
      await this.room.connect(absolute(url), token, {
        autoSubscribe: true,
        maxRetries: 0,
        peerConnectionTimeout: CONNECT_MS,
        websocketTimeout: this.hasAnother ? ANSWER_MS : CONNECT_MS,
        rtcConfig: this.rtcConfig(),
      });
      return true;
    } catch (error) {
      // Media go the same way by whichever address one came.
      if (!this.hasAnother || this.answered || this.closed || this.leaving) throw error;
      if (performance.now() - began_ms >= ANSWER_MS) silent.add(url);
      return false;
    } finally {
      this.hasAnother = false;
    }
  }

  /** Tries until it succeeds or is closed. */
  async keep(): Promise<void> {
    try {
      await this.open();
    } catch {
      if (this.closed) return;
      this.become(this.state === "connecting" ? "failed" : "reconnecting");
      this.again();
    }
  }

  /**
   * Another session is about to take over under the same name: what breaks from now on is not
   * mended, since whoever connects last puts the other one out.
   */
  leave(leaving: boolean): void {
    if (this.leaving === leaving) return;
    this.leaving = leaving;
    if (leaving) {
      clearTimeout(this.timer);
      if (this.state !== "connected") void this.room.disconnect(false);
    } else if (!this.closed && this.state !== "connected") this.again();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    void this.room.disconnect(false);
  }

  private trouble(): void {
    this.become("reconnecting");
    if (this.cleared !== null) return;
    this.clear = new Promise((resolve) => {
      this.cleared = () => {
        this.cleared = null;
        resolve();
      };
    });
    const { engine } = this.room;
    const mended = (): void => {
      engine.off(EngineEvent.Resumed, mended).off(EngineEvent.Restarted, mended);
      // It says so a moment before it is so.
      setTimeout(() => this.cleared?.());
    };
    engine.on(EngineEvent.Resumed, mended).on(EngineEvent.Restarted, mended);
  }

  private again(): void {
    clearTimeout(this.timer);
    if (this.leaving) return;
    this.timer = setTimeout(() => void this.keep(), AGAIN_MS);
  }

  private become(state: LineState): void {
    if (this.state === state || this.closed) return;
    this.state = state;
    this.onstate?.();
  }
}

/**
 * How the SFU is reached: by what its packets go (`open`: the browser does not say by what), or not,
 * since they are `blocked`, or since nobody answers there (`away`).
 */
export type SfuWay = "udp" | "tcp" | "relay" | "open" | "blocked" | "away";

/**
 * The way to the SFU, found out by connecting to a place where nobody is seen or heard. It takes no
 * longer than the client's own patience, and ends with `signal`.
 */
export async function trySfu(
  access: () => Promise<Access>,
  rtcConfig: RTCConfiguration,
  signal?: AbortSignal,
): Promise<SfuWay> {
  const line = new SfuLine(access, () => rtcConfig, {});
  signal?.addEventListener("abort", () => line.close(), { once: true });
  try {
    await line.open();
    return await wayOf(line.room);
  } catch {
    return line.answered ? "blocked" : "away";
  } finally {
    line.close();
  }
}

async function wayOf({ engine: { pcManager } }: Room): Promise<SfuWay> {
  for (const transport of [pcManager?.subscriber, pcManager?.publisher]) {
    const report = await transport?.getStats();
    const path = report === undefined ? null : pathOf(report as ReadonlyMap<string, Stat>);
    if (path !== null) return path.relay_protocol === null ? path.protocol : "relay";
  }
  return "open";
}

function absolute(url: string): string {
  const full = new URL(url, location.href);
  full.protocol = full.protocol.replace("http", "ws");
  return full.href.replace(/\/$/u, "");
}
