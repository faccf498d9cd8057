import { findSeat } from "../meeting/membership.ts";
import * as m from "../paraglide/messages.js";
import type { Room } from "../wire/types.gen.ts";
import type { NewsOf } from "./news.ts";
import type { Notices } from "./notices.svelte.ts";
import { isLeftOut } from "./people.ts";
import type { Start } from "./start.ts";

/** Hosts hear of who came with a program that does not know the plane of the call. */
function tellOfLeftOut(before: Room, after: Room, me: string, notices: Notices): void {
  if (findSeat(after, me)?.role !== "host") return;
  for (const seat of after.participants) {
    if (seat.livekit !== null || !isLeftOut(after, seat)) continue;
    const was = findSeat(before, seat.identity);
    if (was && isLeftOut(before, was)) continue;
    notices.show(m.plane_left_out({ name: seat.name }), { topic: "plane", tone: "warning" });
  }
}

/**
 * Who cannot reach the media server is told, and so are the hosts, with what to open. That a call
 * moves is not: nobody is to notice.
 */
export function tellOfPlanes(
  { event, before, after, me }: NewsOf,
  notices: Notices,
  network: Start["network"],
): void {
  tellOfLeftOut(before, after, me, notices);
  if (event.type !== "plane.reported" && event.type !== "plane.stayed") return;
  const { identity } = event.payload;
  if (identity === null) return;
  const now = findSeat(after, identity);
  if (!now || now.sfu !== false || findSeat(before, identity)?.sfu === false) return;
  const port = network.sfu_udp_port;
  if (identity === me) {
    notices.show(m.plane_no_way_me(), { topic: "plane", tone: "warning" });
  } else if (findSeat(after, me)?.role === "host") {
    const said =
      port === null
        ? m.plane_no_way_other({ name: now.name })
        : m.plane_no_way_port({ name: now.name, port });
    notices.show(said, { topic: "plane", tone: "warning" });
  }
}
