import Users from "@lucide/svelte/icons/users";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";

export const people: Feature = {
  id: "people",
  tool: {
    order: 40,
    place: "wide",
    icon: Users,
    label: m.people,
    testid: "people-button",
    press: (call) => call.panels.toggle("people"),
    pressed: (call) => call.panels.open === "people",
    badge: (call) => call.room.slices.hand.queue.length,
  },
  panel: {
    title: (call) => m.people_count({ count: call.people.length }),
    load: () => import("./Panel.svelte"),
  },
  shortcuts: [
    {
      chords: [{ code: "KeyP" }],
      label: m.shortcut_people,
      press: (call) => call.panels.toggle("people"),
    },
  ],
};
