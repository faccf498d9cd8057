import Blocks from "@lucide/svelte/icons/blocks";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import * as m from "../../paraglide/messages.js";
import { Apps } from "./apps.svelte.ts";

const PANEL = "apps";

/** A new app is told of, once, with a way to it. */
function start(call: Call): () => void {
  return call.onEvent((event) => {
    if (event.type !== "app.added" || event.actor === call.seat.identity) return;
    const apps = call.have(Apps);
    const { app, name } = event.payload;
    const added = apps.all.find((one) => one.app === app);
    if (!added || !apps.mayUse(added)) return;
    const press = (): void => {
      apps.open = app;
      call.panels.show(PANEL);
    };
    call.notices.show(m.app_added({ app: apps.nameOf({ app, name }) }), {
      topic: `app ${app}`,
      panel: PANEL,
      button: { label: m.app_open(), press },
    });
  });
}

export const apps: Feature = {
  id: "apps",
  tool: {
    order: 58,
    place: "menu",
    icon: Blocks,
    label: m.apps,
    testid: "apps-button",
    press: (call) => call.panels.toggle(PANEL),
    pressed: (call) => call.panels.open === PANEL,
    available: (call) => call.isHost || call.room.slices.app.apps.length > 0,
  },
  panel: { title: () => m.apps(), load: () => import("./Panel.svelte") },
  start,
};
