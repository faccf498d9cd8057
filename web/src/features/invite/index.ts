import UserPlus from "@lucide/svelte/icons/user-plus";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";

export const invite: Feature = {
  id: "invite",
  tool: {
    order: 45,
    place: "menu",
    icon: UserPlus,
    label: m.invite,
    testid: "invite-menu-button",
    press: (call) => call.panels.toggle("invite"),
  },
  panel: { title: m.invite, load: () => import("./Panel.svelte") },
};
