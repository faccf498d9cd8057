import Small from "@lucide/svelte/icons/picture-in-picture-2";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import { canShowSmall, SmallWindow } from "./small_window.svelte.ts";

const toggle = (call: Call): void => void call.have(SmallWindow).toggle();

export const picture: Feature = {
  id: "picture",
  tool: {
    order: 42,
    place: "menu",
    icon: Small,
    label: m.small_window,
    testid: "small-window-button",
    press: toggle,
    pressed: (call) => call.have(SmallWindow).open,
    available: canShowSmall,
  },
};
