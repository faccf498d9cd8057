import MonitorUp from "@lucide/svelte/icons/monitor-up";
import MonitorX from "@lucide/svelte/icons/monitor-x";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import { startShare, tellOfShares } from "./share.ts";
import OwnShare from "./OwnShare.svelte";
import ShareMenu from "./ShareMenu.svelte";

export const share: Feature = {
  id: "share",
  tool: {
    order: 10,
    place: "wide",
    icon: MonitorUp,
    iconWhenOn: MonitorX,
    label: (call) => (call.local.share ? m.share_stop() : m.share()),
    testid: "share-button",
    press: (call) => {
      if (call.local.share) void call.local.stopShare();
      else void startShare(call, "text");
    },
    pressed: (call) => call.local.share !== null,
    needs: "share",
    available: (call) => call.local.screenShareable,
    menu: ShareMenu,
  },
  shortcuts: [
    {
      chords: [{ code: "KeyD" }],
      label: m.shortcut_share,
      press: (call) => {
        if (call.local.share) void call.local.stopShare();
        else if (call.local.screenShareable) void startShare(call, "text");
      },
    },
  ],
  start: tellOfShares,
  overlay: OwnShare,
};
