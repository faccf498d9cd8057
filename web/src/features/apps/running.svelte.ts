import type { Call as MoimCall } from "../../app/call.svelte.ts";
import { MediaError } from "../../media/session.ts";
import type { MiniApp } from "../../wire/types.gen.ts";
import { Bridge, type Call } from "./bridge.ts";

const TOPIC = "app";
const LEAST_HEIGHT_PX = 80;
const MOST_HEIGHT_PX = 4_000;

/** A refusal as an app hears it. */
class AppError extends Error {
  override readonly name = "AppError";

  constructor(readonly code: string) {
    super(code);
  }
}

/** Everybody may use it, or hosts alone. */
export function mayUse(call: MoimCall, app: MiniApp | undefined, identity: string): boolean {
  if (!app) return false;
  const person = call.people.find((one) => one.identity === identity);
  return person !== undefined && (app.users === "everyone" || person.role === "host");
}

/**
 * One mini-app in its frame: what it may ask is answered from the call, what others' frames say
 * reaches it when its room lets them.
 */
export class Running {
  height_px = $state<number | null>(null);
  stopped = $state(false);

  #bridge: Bridge | null = null;
  #offs: (() => void)[] = [];
  #dark = matchMedia("(prefers-color-scheme: dark)");

  constructor(
    private readonly call: MoimCall,
    readonly id: string,
  ) {}

  /** The frame has loaded. A second document in it is not the app any more. */
  begin(frame: HTMLIFrameElement): void {
    if (this.#bridge || this.stopped) {
      this.stop();
      return;
    }
    const { port1, port2 } = new MessageChannel();
    this.#bridge = new Bridge(
      port1,
      (call, given) => this.#answer(call, given),
      () => this.stop(),
    );
    // Its origin is nobody's, so none can be named; the window is that of this very document.
    frame.contentWindow?.postMessage("moim", "*", [port2]);
    this.#follow();
  }

  stop(): void {
    this.stopped = true;
    this.close();
  }

  close(): void {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#bridge?.close();
    this.#bridge = null;
  }

  get #app(): MiniApp | undefined {
    return this.call.room.slices.app.apps.find(({ app }) => app === this.id);
  }

  #follow(): void {
    const { call } = this;
    const look = (): void => this.#bridge?.tell("look", this.#look());
    this.#dark.addEventListener("change", look);
    this.#offs = [
      () => this.#dark.removeEventListener("change", look),
      call.onEvent((event) => {
        if (event.type === "app.stored" && event.payload.app === this.id) this.#tellState();
        if (event.type.startsWith("participant.") || event.type === "role.granted") {
          this.#bridge?.tell("people", this.#people());
        }
      }),
      call.onReplaced(() => {
        this.#bridge?.tell("people", this.#people());
        this.#tellState();
      }),
      call.session.data.on(TOPIC, (from, payload) => this.#heard(from, payload)),
    ];
  }

  #tellState(): void {
    this.#bridge?.tell("state", this.#state());
  }

  #heard(from: string, payload: unknown): void {
    if (typeof payload !== "object" || payload === null) return;
    const { app, data } = payload as Readonly<Record<string, unknown>>;
    if (app !== this.id || !mayUse(this.call, this.#app, from)) return;
    this.#bridge?.tell("message", { from, data });
  }

  #answer(call: Call, given: readonly unknown[]): unknown {
    const [first, second] = given;
    if (!mayUse(this.call, this.#app, this.call.seat.identity)) throw new AppError("not_host");
    switch (call) {
      case "me":
        return this.#me();
      case "people":
        return this.#people();
      case "state":
        return this.#state();
      case "storage":
        return this.#store(first, second);
      case "broadcast":
        return this.#send(false, first, null);
      case "send":
        return this.#send(false, second, first);
      case "sendUnreliable":
        return this.#send(true, first, second);
      case "resize":
        return this.#resize(first);
    }
  }

  #look(): object {
    return { theme: this.#dark.matches ? "dark" : "light", locale: this.call.start.locale };
  }

  #me(): object {
    const { identity } = this.call.seat;
    const me = this.#people().find((one) => one.identity === identity);
    return { ...me, ...this.#look() };
  }

  #people(): readonly { identity: string; name: string; role: string }[] {
    return this.call.room.participants.map(({ identity, name, role }) => ({
      identity,
      name,
      role,
    }));
  }

  #state(): object {
    const stored = Object.entries(this.#app?.stored ?? {});
    return Object.fromEntries(stored.map(([key, text]) => [key, parsed(text)]));
  }

  async #store(key: unknown, value: unknown): Promise<null> {
    if (typeof key !== "string") throw new AppError("command_malformed");
    const text = value === null ? null : JSON.stringify(value);
    await this.call.command("app.store", { app: this.id, key, value: text });
    return null;
  }

  #send(unreliably: boolean, data: unknown, to: unknown): object {
    const named = typeof to === "string" ? [to] : to;
    const everybody = named === null;
    if (!everybody && !(Array.isArray(named) && named.every((one) => typeof one === "string"))) {
      throw new AppError("command_malformed");
    }
    const port = this.call.session.data;
    const payload = { app: this.id, data };
    const whom = everybody ? undefined : named;
    try {
      const { sent } = unreliably
        ? port.sendLossy(TOPIC, payload, whom)
        : port.send(TOPIC, payload, whom);
      return { sent };
    } catch (error) {
      throw error instanceof MediaError ? new AppError("frame_too_large") : error;
    }
  }

  #resize(height: unknown): null {
    if (typeof height !== "number" || !Number.isFinite(height)) {
      throw new AppError("command_malformed");
    }
    this.height_px = Math.min(MOST_HEIGHT_PX, Math.max(LEAST_HEIGHT_PX, Math.round(height)));
    return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
