import SlidersHorizontal from "@lucide/svelte/icons/sliders-horizontal";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";

export const settings: Feature = {
  id: "settings",
  tool: {
    order: 50,
    place: "menu",
    icon: SlidersHorizontal,
    label: m.settings,
    testid: "settings-button",
    press: (call) => call.panels.toggle("settings"),
  },
  panel: { title: m.settings, load: () => import("./Panel.svelte") },
};
