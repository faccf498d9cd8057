import Smile from "@lucide/svelte/icons/smile-plus";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import Overlay from "./Overlay.svelte";
import { Reactions } from "./reactions.svelte.ts";

function toggle(call: Call): void {
  const reactions = call.have(Reactions);
  reactions.open = !reactions.open;
}

export const reactions: Feature = {
  id: "reactions",
  tool: {
    order: 22,
    place: "wide",
    icon: Smile,
    label: m.react,
    testid: "react-button",
    press: toggle,
    pressed: (call) => call.have(Reactions).open,
  },
  shortcuts: [{ chords: [{ code: "KeyR" }], label: m.shortcut_react, press: toggle }],
  overlay: Overlay,
};
