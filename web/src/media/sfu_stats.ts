/** What the browser measured of some senders or receivers, as one report. */
import type { Stat } from "./path";
import type { Source } from "./session";

export interface Measured {
  readonly mids: Readonly<Record<string, Source>>;
  /** null where nothing was measured. */
  readonly report: RTCStatsReport | null;
}

export async function measured(
  ends: readonly (readonly [Source, RTCRtpSender | RTCRtpReceiver | undefined])[],
): Promise<Measured> {
  const mids: Record<string, Source> = {};
  const all = new Map<string, Stat>();
  for (const [source, end] of ends) {
    if (end === undefined) continue;
    const report = await end.getStats().catch(() => null);
    for (const stat of (report as ReadonlyMap<string, Stat> | null)?.values() ?? []) {
      all.set(stat.id, stat);
      if (stat.type !== "inbound-rtp" && stat.type !== "outbound-rtp") continue;
      if (typeof stat["mid"] === "string") mids[stat["mid"]] = source;
    }
  }
  return { mids, report: all.size === 0 ? null : (all as unknown as RTCStatsReport) };
}
