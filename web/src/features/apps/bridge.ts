/**
 * The only way out of a mini-app's frame: eight calls over a MessagePort, as JSON text. Nothing of
 * what comes is believed: neither its shape nor its size nor how much there is of it.
 */

export const CALLS = [
  "me",
  "people",
  "state",
  "storage",
  "broadcast",
  "send",
  "sendUnreliable",
  "resize",
] as const;
export type Call = (typeof CALLS)[number];

/** What answers a call; what it throws is told by its `code`. */
export type Answerer = (call: Call, given: readonly unknown[]) => unknown;

/** The longest message of the data channels, twice escaped. */
const TEXT_MOST = 48 * 1024;
const BURST = 120;
const PER_S = 60;
/** Who asks so often more than allowed does not stop by itself. */
const REFUSED_MOST = 600;

interface Request {
  readonly id: number;
  readonly call: Call;
  readonly given: readonly unknown[];
}

export class Bridge {
  #tokens = BURST;
  #filled_ms: number;
  #refused = 0;

  constructor(
    private readonly port: MessagePort,
    private readonly answer: Answerer,
    private readonly flooded: () => void,
    private readonly clock_ms: () => number = () => performance.now(),
  ) {
    this.#filled_ms = clock_ms();
    port.onmessage = ({ data }: MessageEvent<unknown>) => void this.#heard(data);
  }

  tell(event: "people" | "state" | "message" | "look", data: unknown): void {
    this.port.postMessage(JSON.stringify({ event, data }));
  }

  close(): void {
    this.port.onmessage = null;
    this.port.close();
  }

  async #heard(data: unknown): Promise<void> {
    const mayAsk = this.#take();
    const asked = read(data);
    if (asked === null || !mayAsk) {
      this.#refused += 1;
      if (this.#refused > REFUSED_MOST) {
        this.close();
        this.flooded();
      } else if (asked !== null) {
        this.#say({ id: asked.id, code: "rate_limited" });
      }
      return;
    }
    try {
      this.#say({ id: asked.id, result: (await this.answer(asked.call, asked.given)) ?? null });
    } catch (error) {
      this.#say({ id: asked.id, code: codeIn(error) });
    }
  }

  #say(said: object): void {
    this.port.postMessage(JSON.stringify(said));
  }

  #take(): boolean {
    const now_ms = this.clock_ms();
    const grown = this.#tokens + ((now_ms - this.#filled_ms) / 1000) * PER_S;
    this.#filled_ms = now_ms;
    this.#tokens = Math.min(BURST, grown);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

function read(data: unknown): Request | null {
  if (typeof data !== "string" || data.length > TEXT_MOST) return null;
  let said: unknown;
  try {
    said = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof said !== "object" || said === null) return null;
  const { id, call, given } = said as Readonly<Record<string, unknown>>;
  const known = (CALLS as readonly unknown[]).includes(call);
  if (!Number.isSafeInteger(id) || !known || !Array.isArray(given)) return null;
  return { id: id as number, call: call as Call, given };
}

function codeIn(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "internal";
}
