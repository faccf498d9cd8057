/**
 * Which of our candidates the other end hears of. It tries each with each of its own ways, twenty a
 * second: the one that works waits its turn behind the others.
 *
 * A browser asks a relay for an address by UDP, by TCP and by TLS, and gets three. For the other end
 * they are alike, so one by a slower way is not told when one by a faster way was. We go on trying
 * it: the other end then meets it as peer-reflexive.
 *
 * Source: RFC 8445 section 6.1.4.2 (pacing); W3C WebRTC 1.0 section 4.8.1.1
 * (`RTCIceCandidate.relayProtocol` and `url`, which Firefox does not say).
 */
const SPEED: Readonly<Record<string, number>> = { udp: 2, tcp: 1, tls: 0 };

/** Of the standard, but not all in TypeScript's library. */
export type Gathered = Pick<RTCIceCandidate, "type" | "address" | "usernameFragment"> & {
  readonly relayProtocol?: string | null;
  readonly url?: string | null;
};

export class Telling {
  private generation: string | null = null;
  /** The fastest way to each relay that was told in this generation. */
  private readonly fastest = new Map<string, number>();

  isWorth({ type, address, relayProtocol, url, usernameFragment }: Gathered): boolean {
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
