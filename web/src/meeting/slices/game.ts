/** The table for two: twin of `moim.meeting.features.game.apply`. */

import type { GameState } from "../../wire/types.gen";
import type { Durable } from "../fold";

export function applyGame(state: GameState, event: Durable): GameState {
  switch (event.type) {
    case "game.sat": {
      const { identity, side } = event.payload;
      return anew({ ...state, [side]: { identity, points: 0 } });
    }
    case "game.stood":
    case "participant.left": {
      const side = sideOf(state, event.payload.identity);
      return side === null ? state : anew({ ...state, [side]: null });
    }
    case "game.scored": {
      const { side, points } = event.payload;
      const place = state[side];
      return place === null ? state : { ...state, [side]: { ...place, points } };
    }
    case "game.begun":
      return anew(state);
    case "meeting.ended":
      return { round: 0, near: null, far: null };
    default:
      return state;
  }
}

export function sideOf(state: GameState, identity: string): "near" | "far" | null {
  if (state.near?.identity === identity) return "near";
  return state.far?.identity === identity ? "far" : null;
}

/** The next round: nobody has a point. */
function anew({ round, near, far }: GameState): GameState {
  return {
    round: round + 1,
    near: near && { ...near, points: 0 },
    far: far && { ...far, points: 0 },
  };
}
