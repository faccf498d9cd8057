import * as m from "../paraglide/messages.js";
import type { Call } from "./call.svelte.ts";
import type { LocalNews } from "./local.svelte.ts";
import { troubleButton, troubleText } from "./troubles.ts";

/** What somebody in the call is told of their own devices, and what the others are told of them. */
export function deviceNews(call: Call): LocalNews {
  const { notices } = call;
  return {
    switched: (device) => notices.show(m.device_switched({ device }), { topic: "device" }),
    speaking: (speaking) => call.pass("speaking.set", { speaking }),
    talkingWhileMuted: () =>
      notices.show(m.talking_muted(), {
        topic: "talking while muted",
        tone: "warning",
        button: { label: m.unmute(), press: () => void call.toggleMicrophone() },
      }),
    trouble: (trouble) => {
      const label = troubleButton(trouble);
      notices.show(troubleText(trouble), {
        topic: `trouble ${trouble.about}`,
        tone: "error",
        ...(label ? { button: { label, press: () => void call.local.retry(trouble) } } : {}),
      });
    },
    speakerChosen: (id) => void call.remote.chooseSpeaker(id),
  };
}
