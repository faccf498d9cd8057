import Racket from "@lucide/svelte/icons/gamepad-2";
import type { Call } from "../../app/call.svelte.ts";
import type { Feature } from "../../app/feature.ts";
import { sideOf } from "../../meeting/slices/game.ts";
import * as m from "../../paraglide/messages.js";
import { playing } from "./table.ts";

const PANEL = "game";
const TOPIC = "game";

/** Who sits down looks for somebody to play with: the others are asked, once. */
function start(call: Call): () => void {
  const me = call.seat.identity;
  const open = { label: m.game_play(), press: () => call.panels.show(PANEL) };
  const tell = (text: string): void =>
    call.notices.show(text, { topic: TOPIC, button: open, sticky: false });
  // A page that was reloaded in the middle of a game is waited for.
  if (sideOf(call.room.slices.game, me) !== null) call.panels.show(PANEL);
  return call.onEvent((event, before, after) => {
    const { game } = after.slices;
    if (event.type === "game.sat") {
      const { identity } = event.payload;
      if (identity === me || call.panels.open === PANEL) return;
      const name = call.nameOf(identity);
      if (sideOf(game, me) !== null) tell(m.game_opposite({ name }));
      else if (!playing(game)) tell(m.game_waits_for_you({ name }));
    } else if (event.type === "game.scored") {
      const { near, far } = game;
      if (!near || !far || call.panels.open !== PANEL) return;
      call.notices.say(
        m.game_points({
          near: call.nameOf(near.identity),
          near_points: near.points,
          far: call.nameOf(far.identity),
          far_points: far.points,
        }),
      );
    } else if (event.type === "game.stood") {
      const { identity, by } = event.payload;
      if (identity === me && by !== me && sideOf(before.slices.game, me) !== null) {
        call.notices.show(m.game_sent_away());
      }
    }
  });
}

export const game: Feature = {
  id: "game",
  tool: {
    order: 60,
    place: "menu",
    icon: Racket,
    label: m.game,
    testid: "game-button",
    press: (call) => call.panels.toggle(PANEL),
    pressed: (call) => call.panels.open === PANEL,
  },
  panel: { title: () => m.game(), load: () => import("./Panel.svelte") },
  start,
};
