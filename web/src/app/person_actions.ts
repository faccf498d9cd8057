import Camera from "@lucide/svelte/icons/video";
import MessageSquare from "@lucide/svelte/icons/message-square";
import Mic from "@lucide/svelte/icons/mic";
import MicOff from "@lucide/svelte/icons/mic-off";
import MonitorUp from "@lucide/svelte/icons/monitor-up";
import MonitorX from "@lucide/svelte/icons/monitor-x";
import Pencil from "@lucide/svelte/icons/pencil";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import ShieldOff from "@lucide/svelte/icons/shield-off";
import Hand from "@lucide/svelte/icons/hand";
import UserX from "@lucide/svelte/icons/user-x";
import VideoOff from "@lucide/svelte/icons/video-off";
import { may, RIGHTS } from "../meeting/rights.ts";
import * as m from "../paraglide/messages.js";
import type { Right } from "../wire/types.gen.ts";
import type { Call } from "./call.svelte.ts";
import type { Icon } from "./feature.ts";
import { tidyName } from "./graphemes.ts";
import type { Person } from "./people.ts";
import { RIGHT_NAMES } from "./rights.ts";

const RIGHT_ICONS: Readonly<Record<Right, Icon>> = {
  microphone: Mic,
  camera: Camera,
  share: MonitorUp,
  chat: MessageSquare,
};

export interface PersonAction {
  readonly id: string;
  readonly icon: Icon;
  readonly label: string;
  readonly hint?: string;
  readonly danger?: boolean;
  /** For what is on or off, and stays so: these stand together under a heading. */
  readonly checked?: boolean;
  readonly press: () => void;
}

/** What one may do with somebody, in the list of people and on their tile. The server decides. */
export function actionsFor(call: Call, person: Person): PersonAction[] {
  const { identity } = person;
  const actions: PersonAction[] = [];
  const add = (action: PersonAction, when: boolean): void => {
    if (when) actions.push(action);
  };
  const host = call.isHost;
  const other = host && !person.isMe;
  add(
    {
      id: "mute",
      icon: MicOff,
      label: m.people_mute(),
      hint: m.people_mute_hint(),
      press: () => void call.do("participant.mute", { identity, source: "microphone" }),
    },
    other && person.microphone === "on",
  );
  add(
    {
      id: "stop-camera",
      icon: VideoOff,
      label: m.people_stop_camera(),
      press: () => void call.do("participant.mute", { identity, source: "camera" }),
    },
    other && person.camera,
  );
  add(
    {
      id: "stop-share",
      icon: MonitorX,
      label: m.people_stop_share(),
      press: () => void call.do("participant.mute", { identity, source: "screen_share" }),
    },
    other && person.share !== null,
  );
  add(
    {
      id: "lower-hand",
      icon: Hand,
      label: m.people_lower_hand(),
      press: () => void call.do("hand.lower", { identity }),
    },
    person.handPlace !== null && (host || person.isMe),
  );
  add(
    {
      id: "rename",
      icon: Pencil,
      label: person.isMe ? m.people_rename_own() : m.people_rename(),
      press: () => rename(call, person),
    },
    host || person.isMe,
  );
  const isHost = person.role === "host";
  add(
    {
      id: "role",
      icon: isHost ? ShieldOff : ShieldCheck,
      label: isHost ? m.people_make_guest() : m.people_make_host(),
      press: () => void call.do("role.grant", { identity, role: isHost ? "guest" : "host" }),
    },
    other,
  );
  add(
    {
      id: "remove",
      icon: UserX,
      label: m.people_remove(),
      danger: true,
      press: () =>
        call.questions.ask({
          title: m.people_remove_question({ name: person.name }),
          text: m.people_remove_text(),
          yes: m.people_remove(),
          danger: true,
          answered: () => void call.do("participant.remove", { identity }),
        }),
    },
    other,
  );
  for (const right of other && !isHost ? RIGHTS : []) {
    const checked = may(call.room, identity, right);
    actions.push({
      id: `right-${right}`,
      icon: RIGHT_ICONS[right],
      label: RIGHT_NAMES[right](),
      checked,
      press: () => void call.do("right.set", { identity, right, allowed: !checked }),
    });
  }
  return actions;
}

function rename(call: Call, person: Person): void {
  const limit = call.start.limits.name_graphemes;
  call.questions.ask({
    title: person.isMe ? m.people_rename_own() : m.people_rename(),
    label: m.your_name(),
    value: person.name,
    limit,
    yes: m.save(),
    answered: (value) => {
      const name = tidyName(value, limit);
      if (name === "" || name === person.name) return;
      if (person.isMe) {
        call.remembered.name = name;
        call.remembered.save();
      }
      void call.do("participant.rename", { name, identity: person.identity });
    },
  });
}
