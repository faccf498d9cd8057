import type { Feature } from "../app/feature.ts";
import { alone } from "./alone/index.ts";
import { apps } from "./apps/index.ts";
import { chat } from "./chat/index.ts";
import { details } from "./details/index.ts";
import { files } from "./files/index.ts";
import { game } from "./game/index.ts";
import { hand } from "./hand/index.ts";
import { invite } from "./invite/index.ts";
import { people } from "./people/index.ts";
import { picture } from "./picture/index.ts";
import { reactions } from "./reactions/index.ts";
import { recording } from "./recording/index.ts";
import { settings } from "./settings/index.ts";
import { share } from "./share/index.ts";
import { shortcuts } from "./shortcuts/index.ts";

/** Every feature of the call. To add one: a folder, and a line here. */
export const FEATURES: readonly Feature[] = [
  share,
  hand,
  reactions,
  files,
  chat,
  people,
  invite,
  recording,
  picture,
  apps,
  game,
  settings,
  details,
  shortcuts,
  alone,
];
