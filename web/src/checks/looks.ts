/** Looks at everything that a call needs of this browser's connection. Loaded when asked for. */
import { post, type Caller } from "../app/api.ts";
import { waysIn, type SfuAccess } from "../app/sfu_access.ts";
import { hereOf } from "../app/start.ts";
import { lookAtRouter, type Place, type Router } from "../media/router.ts";
import type { SfuWay } from "../media/sfu_line.ts";
import * as m from "../paraglide/messages.js";
import type { CheckName, Detail, Finding } from "./check.ts";
import { ofAddress, ofSecure, ofServer, ofSfu, ofSpeed, ofUdp, type Reader } from "./judge.ts";
import { tryServer } from "./server.ts";
import { measureSpeed } from "./speed.ts";

/** Who looks, and from where. */
export interface Viewpoint extends Reader {
  readonly caller: Caller;
  readonly slug: string;
}

export type Tell = (name: CheckName, finding: Finding) => void;

/** `tell` hears of each thing once; what `signal` ends may stay untold. */
export async function lookAtAll(from: Viewpoint, tell: Tell, signal: AbortSignal): Promise<void> {
  tell("secure", ofSecure(isSecureContext, from));
  await Promise.all([
    tryServer(from.caller.base, signal).then((way) => tell("server", ofServer(way, from))),
    lookOutside(from).then((router) => {
      tell("udp", ofUdp(router, from));
      tell("address", { ...ofAddress(router, from), details: detailsOf(router) });
    }),
    lookAtSpeedAndSfu(from, tell, signal),
  ]);
}

async function lookOutside({ network }: Reader): Promise<Router | null> {
  if (network.probes.length === 0) return null;
  return lookAtRouter(network.probes).catch(() => null);
}

/** One after the other: the program for the SFU is large, and would count as the line's slowness. */
async function lookAtSpeedAndSfu(from: Viewpoint, tell: Tell, signal: AbortSignal): Promise<void> {
  const speed = await measureSpeed(from.caller, from.slug, signal).catch(() => null);
  tell("speed", ofSpeed(speed));
  if (signal.aborted) return;
  const way = from.network.sfu ? await lookAtSfu(from, signal).catch(() => null) : null;
  tell("sfu", ofSfu(way, from));
}

async function lookAtSfu(
  { caller, slug, network }: Viewpoint,
  signal: AbortSignal,
): Promise<SfuWay> {
  const { trySfu } = await import("../media/sfu.ts");
  // What is refused here says nothing of the way there.
  const access = await post<SfuAccess>(caller, `/r/${slug}/sfu-trial`);
  const found = Promise.resolve(waysIn(hereOf({ base: caller.base, network }), access));
  return trySfu(() => found, {}, signal);
}

function detailsOf(router: Router | null): Detail[] {
  const details: Detail[] = [];
  if (router?.local) {
    details.push({ id: "local", label: m.network_local(), value: where(router.local) });
  }
  if (router?.outside) {
    details.push({ id: "outside", label: m.network_outside(), value: where(router.outside) });
  }
  return details;
}

function where({ address, port }: Place): string {
  const host = address?.includes(":") ? `[${address}]` : address;
  if (host === null || host === undefined) return m.network_hidden({ port: port ?? "?" });
  return port === null ? host : `${host}:${port}`;
}
