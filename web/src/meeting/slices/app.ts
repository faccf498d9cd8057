/** The mini-apps of the room: twin of `moim.meeting.features.app.apply`. */

import type { AppState, MiniApp } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyApp(state: AppState, event: Durable): AppState {
  switch (event.type) {
    case "app.added": {
      const { app, name, users } = event.payload;
      return { apps: [...state.apps, { app, name, users, stored: {} }] };
    }
    case "app.removed":
      return { apps: state.apps.filter(({ app }) => app !== event.payload.app) };
    case "app.allowed": {
      const { app, users } = event.payload;
      return changed(state, app, (one) => ({ ...one, users }));
    }
    case "app.stored": {
      const { app, key, value } = event.payload;
      return changed(state, app, (one) => {
        const others = Object.entries(one.stored).filter(([name]) => name !== key);
        const stored = value === null ? others : [...others, [key, value]];
        return { ...one, stored: Object.fromEntries(stored) as Record<string, string> };
      });
    }
    default:
      return state;
  }
}

function changed(state: AppState, app: string, change: (one: MiniApp) => MiniApp): AppState {
  return { apps: state.apps.map((one) => (one.app === app ? change(one) : one)) };
}
