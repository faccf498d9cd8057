/**
 * One page's link to its room: connect, join, command, resume. It owns the socket and the fold.
 *
 * - A command's id makes it safe to send again, so `command` repeats it over reconnects until the
 *   answer comes or its time is over (`unreachable`).
 * - When the socket comes back, the seat is taken again with the same `sid` (the peer connections
 *   live on), then the tail of the streams is fetched; only then do waiting commands go out.
 * - `goodbye` says why the server closes; all but `server_stopping` are for good.
 */

import { io, type Socket } from "socket.io-client";
import { Emitter } from "../media/events";
import type { Durable } from "../meeting/fold";
import { type Accepted, type Ack, type Extras, Refusal, type RefusalCode } from "./ack";
import { makeId } from "./ids";
import { EventStream } from "./stream";
import type { Commands, Goodbye, Hello, IceSettings, PassingFrame, Plane, Room } from "./types.gen";

export type Farewell = Exclude<Goodbye["code"], "server_stopping">;
export type LinkStatus = "idle" | "connecting" | "online" | "offline" | "closed";

export interface LinkEvents {
  /** `online`: seated, or connected and not joined yet; commands pass. */
  status: LinkStatus;
  hello: Hello;
  /** The seat was taken again, and with it came a fresh credential for the relay. */
  ice: IceSettings;
  /** A durable event was folded; the room is already the one after it. */
  event: { readonly event: Durable; readonly room: Room };
  /** The room was replaced: first join, long absence, another role. */
  room: Room;
  /** `signal`, `signal.acked`, `speaking`, `typing`. */
  passing: { readonly type: string; readonly frame: PassingFrame };
  /** The socket is back and the seat is ours again. */
  resumed: { readonly sid: string; readonly changed: boolean };
  /** The server closed this seat for good. */
  farewell: Farewell;
  /** The server does not take this connection, and trying again would not help. */
  refused: RefusalCode;
}

export interface LinkOptions {
  /** The path that moim lives under ("" or "/meet"). */
  readonly base: string;
  readonly slug: string;
  /** The identity of a tab that joined as another person; the cookie's otherwise. */
  readonly token?: string | undefined;
}

export interface JoinOptions {
  readonly name: string;
  readonly tab: string;
  readonly takeOver?: boolean;
}

type Name = keyof Commands;
type Answer<N> = Accepted & (N extends keyof Extras ? Extras[N] : object);

interface Pending {
  readonly attempt: () => void;
  readonly fail: (code: RefusalCode, message: string) => void;
  readonly early: boolean;
}

/** What our pages carry sound and picture by. */
const PLANES = ["mesh", "sfu"] as const satisfies readonly Plane[];
const ATTEMPT_MS = 5_000;
/**
 * The server answers that it cannot reach its storage, or that other servers were faster each time:
 * asked again sooner than one that is silent.
 */
export const NOT_NOW_MS = 1_000;
export const NOT_NOW: readonly string[] = ["unavailable", "busy"];
const RETRY_FIRST_MS = 400;
const RETRY_LAST_MS = 4_000;
const CONNECT_MS = 8_000;
/**
 * A connection that broke is tried again soon, and given up soon: in a network that changes, an
 * attempt of the old one would be waited for while the new one is there. Who is not back after
 * these attempts is on a slow network, or the server is away.
 */
const HASTY_ATTEMPTS = 8;
const HASTY_LAST_MS = 1_000;
const HASTY_CONNECT_MS = 2_500;
/** A proxy that leads long polls to another server this often is not about to stop. */
const MISLED_MOST = 3;
const MISLED_WITHIN_MS = 60_000;
/** How long the server may take to answer when the way to it is in doubt. */
const DOUBT_MS = 1_000;
/** Refusals of the connection, or of the seat that was ours, that a later attempt may not meet. */
const TRANSIENT: readonly string[] = [
  "rate_limited",
  "busy",
  "server_stopping",
  "internal",
  "storage_failed",
  "storage_full",
  "unavailable",
  "unreachable",
];
const CONTROL = new Set(["hello", "snapshot", "goodbye"]);

export class RoomLink extends Emitter<LinkEvents> {
  status: LinkStatus = "idle";
  hello: Hello | null = null;
  sid: string | null = null;
  /** How to find a way to the others, as told with the seat. */
  ice: IceSettings | null = null;

  private readonly socket: Socket;
  private readonly stream: EventStream;
  private readonly pending = new Set<Pending>();
  private seat: JoinOptions | null = null;
  private ready = false;
  private retry_ms = RETRY_FIRST_MS;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private doubting: ReturnType<typeof setTimeout> | undefined;
  private hurried_ms = -Infinity;
  /** When the proxy led us to another server than the one that had our session. */
  private misled_ms: number[] = [];

  constructor({ base, slug, token }: LinkOptions) {
    super();
    this.stream = new EventStream({
      applied: (event, room) => this.emit("event", { event, room }),
      replaced: (room) => this.emit("room", room),
      gap: () => void this.synchronise(),
    });
    this.socket = io({
      path: `${base}/socket.io`,
      auth: token === undefined ? { room: slug } : { room: slug, token },
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      autoConnect: false,
      reconnectionDelay: RETRY_FIRST_MS,
      reconnectionDelayMax: RETRY_LAST_MS,
      timeout: CONNECT_MS,
    });
    const manager = this.socket.io;
    manager.on("reconnect_attempt", (attempt) => {
      const hasty = attempt <= HASTY_ATTEMPTS;
      manager.reconnectionDelayMax(hasty ? HASTY_LAST_MS : RETRY_LAST_MS);
      manager.timeout(hasty ? HASTY_CONNECT_MS : CONNECT_MS);
    });
    this.socket.on("disconnect", (reason) => this.lost(reason));
    this.socket.on("connect_error", (error) => this.failed(error));
    this.socket.onAny((type: string, data: unknown) => this.received(type, data));
  }

  get room(): Room {
    return this.stream.room;
  }

  /** How the server is reached at this moment. */
  get transport(): string | null {
    return this.socket.connected ? this.socket.io.engine.transport.name : null;
  }

  connect(): void {
    if (this.status !== "idle") return;
    this.become("connecting");
    this.socket.connect();
  }

  /**
   * Take a seat. Connects when needed.
   * @throws Refusal `seat_taken`, `room_full`, `room_locked`, `barred`, `unreachable`, ...
   */
  async join(options: JoinOptions): Promise<Answer<"participant.join">> {
    this.connect();
    const answer = await this.command(
      "participant.join",
      {
        name: options.name,
        tab: options.tab,
        take_over: options.takeOver ?? false,
        sid: null,
        planes: [...PLANES],
      },
      { early: true, timeoutMs: 20_000 },
    );
    // What was taken over once must not be taken over again by a reconnect.
    this.seat = { ...options, takeOver: false };
    this.sid = answer.sid;
    this.ice = answer.ice;
    this.stream.replace(answer.snapshot);
    return answer;
  }

  /** The name to come back with. */
  rename(name: string): void {
    if (this.seat) this.seat = { ...this.seat, name };
  }

  /**
   * Any command by its name.
   * @throws Refusal with the server's code; after `timeoutMs`, `unreachable` without an answer and
   * `unavailable` or `busy` when the server could not do it for so long.
   */
  command<N extends Name>(
    name: N,
    fields: Commands[N],
    options: { id?: string; timeoutMs?: number; early?: boolean } = {},
  ): Promise<Answer<N>> {
    const id = options.id ?? makeId();
    const early = options.early ?? false;
    return new Promise((resolve, reject) => {
      let again: ReturnType<typeof setTimeout> | undefined;
      let late: RefusalCode = "unreachable";
      const finish = (): void => {
        clearTimeout(again);
        clearTimeout(deadline);
        this.pending.delete(pending);
      };
      const fail = (code: RefusalCode, message: string): void => {
        finish();
        reject(new Refusal(code, message, id));
      };
      const attempt = (): void => {
        clearTimeout(again);
        again = setTimeout(attempt, ATTEMPT_MS);
        if (!this.socket.connected || !(this.ready || early)) return;
        this.socket.emit(name, { id, ...fields }, (ack: Ack) => {
          if (!this.pending.has(pending)) return;
          if (ack.ok) {
            finish();
            resolve(ack as Answer<N>);
          } else if (ack.error.code === "server_stopping") {
            // The next server will answer.
          } else if (NOT_NOW.includes(ack.error.code)) {
            late = ack.error.code;
            clearTimeout(again);
            again = setTimeout(attempt, NOT_NOW_MS);
          } else {
            fail(ack.error.code, ack.error.message);
          }
        });
      };
      const deadline = setTimeout(
        () => fail(late, `${name} was not answered`),
        options.timeoutMs ?? 10_000,
      );
      const pending: Pending = { attempt, fail, early };
      this.pending.add(pending);
      if (this.status === "closed") fail("unreachable", "the link is closed");
      else attempt();
    });
  }

  /** Say something that may be lost. Not said at all while the server is away. */
  pass(
    name: "signal.send" | "signal.ack" | "speaking.set" | "typing.set" | "reaction.send",
    fields: object,
  ): void {
    if (this.ready) this.socket.emit(name, { id: makeId(), ...fields }, () => undefined);
  }

  /** The page may be going for good: the server shortens its grace. */
  away(): void {
    if (this.ready) this.socket.emit("participant.away", { id: makeId() }, () => undefined);
  }

  /**
   * The network may have changed, and a socket of the old one would be believed in for seconds:
   * ask the server something, and connect anew when it does not answer soon.
   */
  doubt(): void {
    if (this.doubting !== undefined || this.status === "idle" || this.status === "closed") return;
    if (!this.socket.connected) {
      this.hurry();
      return;
    }
    const connection = this.socket.id;
    const settle = (): void => {
      clearTimeout(this.doubting);
      this.doubting = undefined;
    };
    this.doubting = setTimeout(() => {
      settle();
      if (this.socket.id === connection) this.hurry();
    }, DOUBT_MS);
    this.socket.emit("sync", { id: makeId(), streams: this.stream.room.streams }, settle);
  }

  /** Connects now, whatever is under way; an attempt that has only begun is left alone. */
  private hurry(): void {
    const now_ms = performance.now();
    if (now_ms - this.hurried_ms < HASTY_LAST_MS) return;
    this.hurried_ms = now_ms;
    this.socket.io.timeout(HASTY_CONNECT_MS);
    this.socket.disconnect().connect();
  }

  /** Give the seat up and close. */
  async leave(): Promise<void> {
    try {
      if (this.seat) await this.command("participant.leave", {}, { timeoutMs: 1_500 });
    } catch {
      // The grace frees the seat.
    }
    this.close();
  }

  close(): void {
    clearTimeout(this.retry);
    clearTimeout(this.doubting);
    this.ready = false;
    this.seat = null;
    this.become("closed");
    this.socket.disconnect();
    for (const pending of [...this.pending]) pending.fail("unreachable", "the link was closed");
  }

  private become(status: LinkStatus): void {
    if (this.status === status || this.status === "closed") return;
    this.status = status;
    this.emit("status", status);
  }

  private received(type: string, data: unknown): void {
    if (CONTROL.has(type)) {
      if (type === "hello") void this.greeted(data as Hello);
      else if (type === "snapshot") this.stream.replace((data as { snapshot: Room }).snapshot);
      else this.saidGoodbye((data as Goodbye).code);
    } else if (typeof (data as { seq?: unknown }).seq === "number") {
      this.stream.receive({ ...(data as object), type } as Durable);
    } else {
      this.emit("passing", { type, frame: data as PassingFrame });
    }
  }

  private async greeted(hello: Hello): Promise<void> {
    this.hello = hello;
    this.emit("hello", hello);
    if (this.seat) await this.resume(this.seat);
    else this.open();
  }

  /** Take the seat again after the socket came back, then what happened meanwhile. */
  private async resume(seat: JoinOptions): Promise<void> {
    this.stream.pause();
    const connection = this.socket.id;
    try {
      const { name, tab } = seat;
      const answer = await this.command(
        "participant.join",
        { name, tab, sid: this.sid, take_over: false, planes: [...PLANES] },
        { early: true, timeoutMs: 15_000 },
      );
      if (this.socket.id !== connection) return;
      const changed = answer.sid !== this.sid;
      this.sid = answer.sid;
      this.ice = answer.ice;
      this.emit("ice", answer.ice);
      if (changed) this.stream.replace(answer.snapshot);
      else await this.synchronise(answer.snapshot);
      this.open();
      this.emit("resumed", { sid: answer.sid, changed });
    } catch (error) {
      if (this.socket.id !== connection || !(error instanceof Refusal)) return;
      if (TRANSIENT.includes(error.code)) {
        this.socket.disconnect();
        this.comeBack();
      } else if (error.code === "seat_taken") this.saidGoodbye("seat_moved");
      else if (error.code === "barred") this.saidGoodbye("removed");
      else this.refuse(error.code);
    }
  }

  private open(): void {
    this.ready = true;
    this.retry_ms = RETRY_FIRST_MS;
    this.become("online");
    for (const pending of [...this.pending]) pending.attempt();
  }

  private async synchronise(fallback?: Room): Promise<void> {
    try {
      const { streams } = this.stream.room;
      const answer = await this.command("sync", { streams }, { early: true, timeoutMs: 15_000 });
      if (answer.frames) this.stream.caughtUp(answer.frames);
      else if (answer.snapshot) this.stream.replace(answer.snapshot);
    } catch {
      // Without an answer the socket is about to be replaced, and its resumption catches up.
      if (fallback) this.stream.replace(fallback);
    }
  }

  private lost(reason: string): void {
    this.ready = false;
    if (this.status === "closed") return;
    this.become("offline");
    // Socket.IO comes back by itself unless the server hung up.
    if (reason === "io server disconnect") this.comeBack();
  }

  private failed(error: Error): void {
    this.ready = false;
    const code = (error as { data?: { code?: RefusalCode } }).data?.code;
    if (code === "proxy_not_sticky" && this.mayBeMisled()) {
      this.become("offline");
      this.socket.disconnect();
      this.comeBack();
    } else if (code !== undefined && !TRANSIENT.includes(code)) this.refuse(code);
    else {
      this.become("offline");
      if (!this.socket.active) this.comeBack();
    }
  }

  /**
   * Who has a seat by long polls is led elsewhere when a server goes or comes back: a new session
   * will stand there. Where the proxy is not set up for polls, none stands for long.
   */
  private mayBeMisled(): boolean {
    if (this.seat === null) return false;
    const now_ms = performance.now();
    this.misled_ms = this.misled_ms.filter((at_ms) => now_ms - at_ms < MISLED_WITHIN_MS);
    this.misled_ms.push(now_ms);
    return this.misled_ms.length <= MISLED_MOST;
  }

  private comeBack(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.socket.connect(), this.retry_ms);
    this.retry_ms = Math.min(this.retry_ms * 2, RETRY_LAST_MS);
  }

  private refuse(code: RefusalCode): void {
    this.emit("refused", code);
    for (const pending of [...this.pending]) pending.fail(code, "the connection was refused");
    this.close();
  }

  private saidGoodbye(code: Goodbye["code"]): void {
    if (code === "server_stopping") return;
    this.emit("farewell", code);
    this.close();
  }
}
