import Keyboard from "@lucide/svelte/icons/keyboard";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";

export const shortcuts: Feature = {
  id: "shortcuts",
  tool: {
    order: 70,
    place: "menu",
    icon: Keyboard,
    label: m.shortcuts,
    testid: "shortcuts-button",
    press: (call) => call.panels.toggle("shortcuts"),
    available: () => matchMedia("(hover: hover)").matches,
  },
  panel: { title: m.shortcuts, load: () => import("./Sheet.svelte") },
  shortcuts: [
    {
      chords: [{ code: "Slash", shift: true, key: "?" }],
      label: m.shortcut_help,
      press: (call) => call.panels.toggle("shortcuts"),
    },
  ],
};
