import { PushToTalk } from "../media/pushToTalk.ts";
import type { CallPicture } from "../media/quality.ts";
import type { MovingSession } from "../media/moving_session.ts";
import type { Source } from "../media/session.ts";
import type { Strained } from "../media/strain.ts";
import type { Durable } from "../meeting/fold.ts";
import { findSeat } from "../meeting/membership.ts";
import { may } from "../meeting/rights.ts";
import * as m from "../paraglide/messages.js";
import { RoomLink } from "../wire/link.ts";
import type { Commands, Right, Room } from "../wire/types.gen.ts";
import type { Caller } from "./api.ts";
import { chime } from "./chime.ts";
import { Connection } from "./connection.svelte.ts";
import { deviceNews } from "./device_news.ts";
import {
  type EventHandler,
  Happenings,
  type PassingHandler,
  type ReplacedHandler,
} from "./happenings.ts";
import { obeyHosts } from "./hosts_word.ts";
import { listedIn } from "./listed.ts";
import type { LocalMedia } from "./local.svelte.ts";
import { Measured } from "./measured.svelte.ts";
import { tell } from "./news.ts";
import { tellOfPlanes } from "./plane_news.ts";
import { Notices } from "./notices.svelte.ts";
import { Panels } from "./panels.svelte.ts";
import { peopleOf, type Person } from "./people.ts";
import { beginsOnSfu, CallPlanes, loadSfu, type SfuModule } from "./planes.ts";
import { Publishing } from "./publishing.ts";
import { Questions } from "./questions.svelte.ts";
import { codeOf, REFUSALS } from "./refusals.ts";
import { RemoteMedia } from "./remote.svelte.ts";
import type { Remembered } from "./remembered.svelte.ts";
import { reasonAgainst } from "./rights.ts";
import { rememberSeat, type Seat } from "./seat.ts";
import type { Sound } from "./sounds.ts";
import { Stage } from "./stage.svelte.ts";
import { hereOf, type Start } from "./start.ts";
import type { Visit } from "./visit.svelte.ts";
import { Ways } from "./ways.ts";
import type { ShortcutLine } from "./shortcut_list.ts";
import { keepAwake } from "./wakelock.ts";

export interface JoinRequest {
  readonly visit: Visit;
  readonly seat: Seat;
  readonly tab: string;
  readonly takeOver: boolean;
  /** The page was reloaded in a call: what was sent before is taken up as muted as it was. */
  readonly returning: boolean;
}

/** What a feature keeps for one call; made on first use, closed with the call. */
export interface Keeper {
  close?(): void;
}

/**
 * The call as the screen sees it: the folded room, our own media and the others', notices and
 * panels. It owns the socket and the media session, and `close` ends all that it began.
 */
export class Call {
  room = $state.raw<Room>() as Room;
  /** A clock for the screen, once a second. */
  now_ms = $state(Date.now());

  readonly start: Start;
  readonly seat: Seat;
  readonly remembered: Remembered;
  readonly local: LocalMedia;
  readonly notices = new Notices();
  readonly connection = new Connection();
  readonly panels = new Panels();
  readonly questions = new Questions();
  readonly stage: Stage;
  readonly session: MovingSession;
  readonly remote: RemoteMedia;
  readonly talk: PushToTalk;

  /** In the order of joining, as the room lists them. */
  readonly people: readonly Person[] = $derived.by(() => peopleOf(this.room, this.seat.identity));
  readonly me: Person | null = $derived(this.people.find((person) => person.isMe) ?? null);
  readonly isHost: boolean = $derived(this.me?.role === "host");

  #visit: Visit;
  #planes: CallPlanes;
  #ways: Ways;
  #publishing: Publishing;
  #measured: Measured;
  #happenings = new Happenings();
  #keepers = new Map<unknown, Keeper>();
  #endings: (() => void)[] = [];
  #closed = false;
  #name: string;
  #clockSkew_ms = 0;

  /**
   * Takes the seat; the call begins when the room is there.
   * @throws Refusal with the server's code.
   */
  static async join(request: JoinRequest): Promise<Call> {
    const { visit, seat, tab, takeOver } = request;
    const { base, room } = visit.start;
    const link = new RoomLink({ base, slug: room.slug, token: seat.token ?? undefined });
    try {
      await link.join({ name: seat.name, tab, takeOver });
      const sfu = beginsOnSfu(link.room) ? await loadSfu() : null;
      return new Call(request, link, sfu);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  private constructor(
    { visit, seat, returning }: JoinRequest,
    private readonly link: RoomLink,
    sfu: SfuModule | null,
  ) {
    this.#visit = visit;
    this.seat = seat;
    this.#name = seat.name;
    this.start = visit.start;
    this.remembered = visit.remembered;
    this.local = visit.local;
    this.room = link.room;
    this.stage = new Stage(() => this.people, this.remembered);
    const wire = {
      send: (command: "signal.send" | "signal.ack", fields: Record<string, unknown>) =>
        link.pass(command, fields),
      on: (event: string, handler: PassingHandler) => this.onPassing(event, handler),
      doubt: () => link.doubt(),
    };
    this.#planes = new CallPlanes(link, seat.identity, wire, sfu, hereOf(this.start));
    this.session = this.#planes.session;
    this.#ways = new Ways(link, seat.identity, this.#planes, this.start.network.sfu);
    this.#publishing = new Publishing(this.session, link, seat.identity);
    this.remote = new RemoteMedia(this.session, {
      silent: seat.token !== null,
      speakerId: this.remembered.speaker_id,
    });
    this.talk = new PushToTalk({
      setMuted: (muted) => void this.local.setMicrophoneForNow(!muted),
      mayTalk: () => !this.local.microphone.on && this.may("microphone"),
      onTalking: (talking) => {
        this.notices.show(talking ? m.push_to_talk_on() : m.you_are_muted(), {
          topic: "microphone",
        });
      },
    });
    this.#measured = new Measured(this.session);
    this.#clockSkew_ms = link.hello ? link.hello.now_ms - Date.now() : 0;
    this.connection.become(link.status);
    this.#follow();
    this.#roomChanged();
    void this.#beginSending(returning);
  }

  // ------------------------------------------------------------------------ for features

  /** The store of a feature, made once for this call: `call.have(Chat)`. */
  have<T extends Keeper>(Kind: new (call: Call) => T): T {
    let keeper = this.#keepers.get(Kind) as T | undefined;
    if (!keeper) this.#keepers.set(Kind, (keeper = new Kind(this)));
    return keeper;
  }

  onEvent(handler: EventHandler): () => void {
    return this.#happenings.onEvent(handler);
  }

  onPassing(type: string, handler: PassingHandler): () => void {
    return this.#happenings.onPassing(type, handler);
  }

  /** Calls back whenever the server is there again, and at once when it is. */
  onOnline(handler: () => void): () => void {
    if (this.link.status === "online") handler();
    const offs = [
      this.link.on("resumed", handler),
      this.link.on("status", (status) => {
        if (status === "online") handler();
      }),
    ];
    return () => offs.forEach((off) => off());
  }

  /** Calls back whenever the server is no longer there. */
  onOffline(handler: () => void): () => void {
    return this.link.on("status", (status) => {
      if (status === "offline") handler();
    });
  }

  /** Calls back when the room was replaced as a whole: events in between were not seen. */
  onReplaced(handler: ReplacedHandler): () => void {
    return this.#happenings.onReplaced(handler);
  }

  /** A command whose refusal its caller handles. @throws Refusal */
  command<N extends keyof Commands>(
    name: N,
    fields: Commands[N],
    options?: { id?: string; timeoutMs?: number },
  ): ReturnType<RoomLink["command"]> {
    return this.link.command(name, fields, options) as ReturnType<RoomLink["command"]>;
  }

  /** A command whose refusal is said in a notice; true when it was done. */
  async do<N extends keyof Commands>(name: N, fields: Commands[N]): Promise<boolean> {
    try {
      await this.link.command(name, fields);
      return true;
    } catch (error) {
      this.complain(error, () => void this.do(name, fields));
      return false;
    }
  }

  /** Said and forgotten, when the server is there. */
  pass(name: "speaking.set" | "typing.set" | "reaction.send", fields: object): void {
    this.link.pass(name, fields);
  }

  complain(error: unknown, again?: () => void): void {
    const code = codeOf(error);
    const { text, button } = REFUSALS[code];
    const retry = button === "retry" && again ? { label: m.retry(), press: again } : null;
    this.notices.show(text(), {
      tone: "error",
      topic: `refusal ${code}`,
      ...(retry ? { button: retry } : {}),
    });
  }

  /** What the server's clock shows: the age of a meeting does not depend on ours. */
  get serverNow_ms(): number {
    return this.now_ms + this.#clockSkew_ms;
  }

  /** Every shortcut there is; the screen that knows the features fills it in. */
  shortcuts = $state.raw<readonly ShortcutLine[]>([]);

  /** Whether we may, as the room says. */
  may(right: Right): boolean {
    return may(this.room, this.seat.identity, right);
  }

  /** Why we may not; null when we may. */
  reasonAgainst(right: Right): string | null {
    return reasonAgainst(this.room, this.seat.identity, right);
  }

  /** True, and said why, when we may not. */
  isRefused(right: Right): boolean {
    const reason = this.reasonAgainst(right);
    if (reason !== null) this.notices.show(reason, { topic: `right ${right}` });
    return reason !== null;
  }

  get caller(): Caller {
    return { base: this.start.base, csrf: this.start.csrf, token: this.seat.token };
  }

  nameOf(identity: string): string {
    return findSeat(this.room, identity)?.name ?? "";
  }

  isSpeaking(identity: string): boolean {
    return identity === this.seat.identity
      ? this.local.speaking
      : this.remote.speaking.has(identity);
  }

  /** The call as it is measured, once a second. */
  get picture(): CallPicture | null {
    return this.#measured.picture;
  }

  /** What does not bear our whole picture, so that less of it is sent. */
  get strained(): Strained | null {
    return this.#measured.strained;
  }

  /** How good the way to somebody is; null until it was measured. */
  quality(identity: string): "good" | "fair" | "poor" | null {
    return this.picture?.people.find((one) => one.identity === identity)?.quality ?? null;
  }

  get transport(): string | null {
    return this.link.transport;
  }

  sound(sound: Sound): void {
    if (this.remembered.sounds && !this.remote.silent) chime(sound);
  }

  // ---------------------------------------------------------------------------- our acts

  async toggleMicrophone(): Promise<void> {
    if (this.isRefused("microphone")) return;
    const on = !this.local.microphone.on;
    this.notices.withdraw("talking while muted");
    this.notices.say(on ? m.you_are_unmuted() : m.you_are_muted());
    await this.local.setMicrophone(on);
  }

  async toggleCamera(): Promise<void> {
    if (this.isRefused("camera")) return;
    const on = !this.local.camera.on;
    this.notices.say(on ? m.camera_is_on() : m.camera_is_off());
    await this.local.setCamera(on);
  }

  async leave(): Promise<void> {
    const { link } = this;
    this.#visit.end("left");
    await link.leave();
  }

  async endForAll(): Promise<void> {
    await this.do("meeting.end", {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#endings) end();
    for (const keeper of this.#keepers.values()) keeper.close?.();
    this.talk.close();
    this.remote.close();
    this.#ways.close();
    this.#planes.close();
    this.panels.close();
    this.notices.close();
    this.connection.close();
    // A leave under way closes the link itself, once the server knows.
    setTimeout(() => this.link.close(), 2_000);
  }

  // --------------------------------------------------------------------------- internals

  #follow(): void {
    const { link } = this;
    const clock = setInterval(() => (this.now_ms = Date.now()), 1_000);
    const away = (): void => link.away();
    addEventListener("pagehide", away);
    this.local.news = deviceNews(this);
    this.#endings.push(
      () => this.#measured.close(),
      () => clearInterval(clock),
      () => removeEventListener("pagehide", away),
      keepAwake(),
      link.on("status", (status) => {
        if (status === "online" && this.connection.banner) this.notices.say(m.reconnected());
        this.connection.become(status);
        this.#planes.setReachable(status === "online");
        if (status === "online") this.#publishing.reconcile();
      }),
      link.on("event", ({ event, room }) => this.#happened(event, room)),
      link.on("room", (room) => {
        const before = this.room;
        this.#become(room);
        this.#happenings.replaced(before, room);
      }),
      link.on("resumed", () => {
        this.#publishing.reconcile();
      }),
      link.on("passing", ({ type, frame }) => this.#happenings.passed(type, frame)),
      link.on("farewell", (code) => {
        this.#visit.end(
          code === "seat_moved" ? "moved" : code === "meeting_ended" ? "ended" : "removed",
        );
      }),
      link.on("refused", (code) => this.#visit.end(codeOf(code))),
      this.session.on("local", ({ source, local, ended }) => {
        if (!ended || local !== null) return;
        if (source === "screen_share") void this.local.stopShare();
        this.#publishing.reconcile();
      }),
    );
  }

  #happened(event: Durable, after: Room): void {
    const before = this.room;
    this.#become(after);
    const news = { event, before, after, me: this.seat.identity };
    tell(news, this.#teller);
    tellOfPlanes(news, this.notices, this.start.network);
    this.#happenings.happened(event, before, after);
  }

  #become(room: Room): void {
    obeyHosts(this.room, room, this.seat.identity, this.local);
    this.room = room;
    this.#roomChanged();
  }

  #teller = { notices: this.notices, sound: (sound: Sound) => this.sound(sound) };

  /** Everything that follows from the room alone. */
  #roomChanged(): void {
    const { room, seat } = this;
    this.session.setParticipants(listedIn(room, seat.identity));
    this.#planes.follow(room);
    this.#ways.reconcile();
    this.stage.follow();
    this.#publishing.reconcile();
    const name = findSeat(room, seat.identity)?.name;
    if (name !== undefined) this.#comeBackAs(name);
  }

  /** A reconnect and a reload join under the name that one has now. */
  #comeBackAs(name: string): void {
    this.link.rename(name);
    if (name === this.#name || this.#closed) return;
    this.#name = name;
    rememberSeat(this.room.slug, { ...this.seat, name });
  }

  async #beginSending(returning: boolean): Promise<void> {
    const tracks = findSeat(this.room, this.seat.identity)?.tracks ?? {};
    for (const kind of ["microphone", "camera"] as const) {
      if (!this.may(kind)) await this.local.giveUp(kind);
    }
    await this.local.sendTo(this.#publishing);
    if (returning) {
      const was = (source: Source): boolean | null => {
        const track = tracks[source];
        return track ? !track.muted : null;
      };
      await this.local.restore({ microphone: was("microphone"), camera: was("camera") });
    }
    this.#publishing.settle();
  }
}
