/**
 * Which of our candidates the other end hears of, and when. It tries each with each of its own ways,
 * twenty a second: the one that works waits its turn behind all that are thought to be better.
 *
 * - A browser asks a relay for an address by UDP, by TCP and by TLS, and gets three. For the other
 *   end they are alike, so one by a slower way is not told when one by a faster way was. We go on
 *   trying it: the other end then meets it as peer-reflexive.
 * - Where two needed a relay and one of them moves, they most likely need it again: who stayed tells
 *   the relay's addresses first, and direct ones once the other end has had time to try those.
 *
 * Source: RFC 8445 section 6.1.4.2 (pacing); W3C WebRTC 1.0 section 4.8.1.1
 * (`RTCIceCandidate.relayProtocol` and `url`, which Firefox does not say).
 */
const SPEED: Readonly<Record<string, number>> = { udp: 2, tcp: 1, tls: 0 };
/** So long a relay is tried alone, once the other end has ways of its own. */
const HEAD_START_MS = 500;
/** It has none in all this time: a browser says two seconds late that there is another network. */
const LATEST_MS = 3_500;

/** Of the standard, but not all in TypeScript's library. */
export type Gathered = Pick<RTCIceCandidate, "type" | "address" | "usernameFragment"> & {
  readonly relayProtocol?: string | null;
  readonly url?: string | null;
};

export class Telling<T extends Gathered = RTCIceCandidate> {
  private generation: string | null = null;
  /** The fastest way to each relay that was told in this generation. */
  private readonly fastest = new Map<string, number>();
  private waiting: (T | null)[] | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param tell is given candidates, and null when there are no more of this generation. */
  constructor(private readonly tell: (candidate: T | null) => void) {}

  gathered(candidate: T | null): void {
    if (candidate !== null && !this.isWorth(candidate)) return;
    if (this.waiting !== null && candidate?.type !== "relay") this.waiting.push(candidate);
    else this.tell(candidate);
  }

  /** The other end looks for a way anew, and the last one led through a relay. */
  relayFirst(): void {
    this.waiting ??= [];
    this.releaseIn(LATEST_MS);
  }

  /** A candidate of the other end's; one by TCP comes also of a machine without any network. */
  heard(candidate: string): void {
    const isWay = /^candidate:\S+ \d+ udp /iu.test(candidate);
    if (this.waiting !== null && isWay) this.releaseIn(HEAD_START_MS);
  }

  close(): void {
    clearTimeout(this.timer);
    this.waiting = null;
  }

  private releaseIn(delay_ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const waiting = this.waiting ?? [];
      this.waiting = null;
      for (const candidate of waiting) this.tell(candidate);
    }, delay_ms);
  }

  private isWorth({ type, address, relayProtocol, url, usernameFragment }: T): boolean {
    if (usernameFragment !== this.generation) this.fastest.clear();
    this.generation = usernameFragment;
    const speed = SPEED[relayProtocol ?? ""];
    if (type !== "relay" || speed === undefined || !url || !address) return true;
    const relay = `${hostOf(url)} ${address.includes(":") ? 6 : 4}`;
    const before = this.fastest.get(relay) ?? -1;
    this.fastest.set(relay, Math.max(before, speed));
    return speed > before;
  }
}

/** Of `turn:relay.example.org:3478?transport=udp`. */
function hostOf(url: string): string {
  return url.replace(/^turns?:/, "").replace(/(:\d+)?(\?.*)?$/, "");
}
