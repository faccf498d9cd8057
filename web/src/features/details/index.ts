import Waypoints from "@lucide/svelte/icons/waypoints";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";

export const details: Feature = {
  id: "details",
  tool: {
    order: 60,
    place: "menu",
    icon: Waypoints,
    label: m.details,
    testid: "details-button",
    press: (call) => call.panels.toggle("details"),
  },
  panel: { title: m.details, load: () => import("./Panel.svelte") },
};
