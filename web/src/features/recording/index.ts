import Circle from "@lucide/svelte/icons/circle-dot";
import Stop from "@lucide/svelte/icons/circle-stop";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import Banner from "./Banner.svelte";
import { canRecord, Recording } from "./recording.svelte.ts";

const active = (call: Call): boolean => call.have(Recording).active;

function toggle(call: Call): void {
  const recording = call.have(Recording);
  void (recording.active ? recording.stop() : recording.start());
}

function start(call: Call): () => void {
  const me = call.seat.identity;
  // A page that was reloaded records no more, and the room still says so.
  if (call.room.slices.recording.by.includes(me) && !active(call)) {
    void call.do("recording.stop", {});
  }
  return call.onEvent((event) => {
    if (event.type === "recording.started") {
      const { identity } = event.payload;
      const name = call.nameOf(identity);
      call.notices.say(identity === me ? m.recording_by_you() : m.recording_by({ name }));
      call.sound("recording");
    } else if (event.type === "recording.stopped") {
      const { identity, by } = event.payload;
      call.notices.say(m.recording_over());
      if (identity !== me || by === me) return;
      call.notices.show(m.recording_stopped_by({ name: call.nameOf(by) }));
      void call.have(Recording).stop({ told: true });
    }
  });
}

export const recording: Feature = {
  id: "recording",
  tool: {
    order: 40,
    place: "menu",
    icon: Circle,
    iconWhenOn: Stop,
    label: (call) => (active(call) ? m.recording_stop() : m.recording_start()),
    testid: "record-button",
    press: toggle,
    pressed: active,
    available: canRecord,
  },
  start,
  // A browser's file is whole only once it is closed; who leaves closes it, who reloads does not.
  unfinished: (call) => (active(call) ? {} : null),
  overlay: Banner,
};
