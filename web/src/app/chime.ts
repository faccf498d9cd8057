import { borrowContext } from "../media/level.ts";
import { play, type Sound } from "./sounds.ts";

/** One soft sound. A browser that holds sound back until a tap simply stays silent. */
export function chime(sound: Sound): void {
  const { context, release } = borrowContext();
  if (context.state !== "running") {
    release();
    return;
  }
  const lasts_s = play(context, context.destination, sound);
  setTimeout(release, lasts_s * 1000 + 100);
}
