/**
 * What kind of network this is: whether a router gives one port of ours the same public address
 * towards everybody (then others can reach it), or a new one for each (then they need a relay).
 *
 * A connection that is thrown away asks several STUN addresses from one port. Two ports of one
 * server show whether the mapping changes with the port, as strict routers have it; one that
 * changes with the address alone, which is rare, only a second server's address shows.
 *
 * Source: RFC 4787 section 4.1 (address mapping), RFC 5780 section 4.3 (how to find it out).
 */

export interface Found {
  readonly type: string | null;
  readonly protocol: string | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly relatedPort: number | null;
}

/** What one look brought. */
export interface Gathering {
  readonly candidates: readonly Found[];
  /** How often the browser said that a STUN server was asked in vain. */
  readonly failures: number;
  /** False when some servers had not answered in time. Chromium goes on asking for long. */
  readonly complete: boolean;
}

export interface Place {
  /** null where the browser hides it, which it does until camera or microphone are allowed. */
  readonly address: string | null;
  readonly port: number | null;
}

export interface Router {
  readonly kind: "direct" | "relay" | "blocked" | "unknown";
  /** `none`: no router changes our address on the way to the server. */
  readonly mapping: "none" | "same" | "changes" | "unknown";
  readonly local: Place | null;
  readonly outside: Place | null;
}

/** Answers take a fraction of a second; what is lost is asked again within this, several times. */
const PATIENCE_MS = 6_000;

export async function lookAtRouter(probes: readonly string[]): Promise<Router> {
  const [all, second] = await Promise.all([
    gather(probes),
    probes.length > 1 ? gather(probes.slice(1)) : null,
  ]);
  return judge(probes.length, all, second);
}

/** `all` asked every probe from one port, `second` all but the first, to see that they answer. */
export function judge(probes: number, all: Gathering, second: Gathering | null): Router {
  const hosts = of(all, "host");
  const mapped = of(all, "srflx");
  const outside = mapped.find(({ address }) => !isIPv6(address)) ?? mapped[0] ?? null;
  const family = isIPv6(outside?.address ?? null);
  const own =
    hosts.find(({ port }) => outside !== null && port === outside.relatedPort) ??
    hosts.find(({ address }) => isIPv6(address) === family) ??
    hosts[0];
  const local = own ? { address: shown(own.address), port: own.port } : null;
  const facts = { local, outside: outside && { address: outside.address, port: outside.port } };

  if (mapped.length === 0) {
    const unknown: Router = { kind: "unknown", mapping: "unknown", ...facts };
    if (probes === 0) return unknown;
    if (!all.complete) {
      // Of several networks one may be dead, and another need no new face: no telling.
      const networks = hosts.filter(({ address }) => shown(address) && !isIPv6(address)).length;
      return networks > 1 ? unknown : { ...unknown, kind: "blocked" };
    }
    return hosts.length > 0 && all.failures < probes * hosts.length
      ? { kind: "direct", mapping: "none", ...facts }
      : { ...unknown, kind: "blocked" };
  }
  if (changes(mapped, hosts)) return { kind: "relay", mapping: "changes", ...facts };
  const answered = second !== null && of(second, "srflx").length > 0;
  return answered && certain(mapped, hosts)
    ? { kind: "direct", mapping: "same", ...facts }
    : { kind: "unknown", mapping: "unknown", ...facts };
}

const of = (gathering: Gathering, type: string): Found[] =>
  gathering.candidates.filter((one) => one.type === type && one.protocol === "udp");

const isIPv6 = (address: string | null): boolean => address?.includes(":") ?? false;

/** Browsers put a name of their own (mDNS) in the place of an address that they hide. */
const shown = (address: string | null): string | null =>
  address === null || address.endsWith(".local") ? null : address;

/** One port of ours with two public faces. Browsers leave out a face that they have already. */
function changes(mapped: readonly Found[], hosts: readonly Found[]): boolean {
  const faces = new Map<string, number>();
  for (const { address, relatedPort } of mapped) {
    const base = `${String(isIPv6(address))} ${relatedPort ?? 0}`;
    faces.set(base, (faces.get(base) ?? 0) + 1);
  }
  return [...faces].some(([base, count]) =>
    base.endsWith(" 0") ? count > Math.max(1, hosts.length) : count > 1,
  );
}

/** Where the own port is hidden and there are several, two faces may be two networks' or one's. */
const certain = (mapped: readonly Found[], hosts: readonly Found[]): boolean =>
  mapped.every(({ relatedPort }) => (relatedPort ?? 0) !== 0) ||
  hosts.length <= 1 ||
  mapped.length === 1;

async function gather(urls: readonly string[]): Promise<Gathering> {
  const candidates: Found[] = [];
  const pc = new RTCPeerConnection({ iceServers: urls.length > 0 ? [{ urls: [...urls] }] : [] });
  let failures = 0;
  try {
    pc.createDataChannel("look");
    pc.onicecandidateerror = () => (failures += 1);
    const complete = await new Promise<boolean>((resolve, reject) => {
      const late = setTimeout(() => resolve(false), PATIENCE_MS);
      pc.onicecandidate = ({ candidate }) => {
        if (candidate !== null && candidate.candidate !== "") candidates.push(candidate);
      };
      pc.onicegatheringstatechange = () => {
        if (pc.iceGatheringState !== "complete") return;
        clearTimeout(late);
        resolve(true);
      };
      pc.setLocalDescription().catch(reject);
    });
    return { candidates, failures, complete };
  } finally {
    pc.close();
  }
}
