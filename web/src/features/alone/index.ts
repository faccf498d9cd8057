import type { Feature } from "../../app/feature.ts";
import Alone from "./Alone.svelte";

/** What stands on the stage while nobody else is there. */
export const alone: Feature = { id: "alone", overlay: Alone };
