/**
 * Which pictures others need not send us for now, since nobody looks at them here: said to each
 * over the connection to them. Without a media server only they can spare the line.
 *
 * A track stays as it is, only nothing comes: looked at again, it goes on without a negotiation.
 */
import { Hiding } from "./hiding";
import { isSource, keyOf, kindOf, SOURCES, type Source, type TileSize } from "./session";

/** Of the messages on the data channel: `{spare: [source, ...]}`, all that is not needed. */
export const WISH_TOPIC = "wish";

export class Wishes {
  private readonly spared = new Map<string, Set<Source>>();
  private readonly hiding = new Hiding();

  constructor(private readonly say: (to: string, wish: { spare: readonly Source[] }) => void) {}

  show(identity: string, source: Source, size: TileSize): void {
    if (kindOf(source) !== "video") return;
    const key = keyOf(identity, source);
    if (size === "hidden") this.hiding.hide(key, () => this.set(identity, source, true));
    else {
      this.hiding.seen(key);
      this.set(identity, source, false);
    }
  }

  wants(identity: string, source: Source): boolean {
    return this.spared.get(identity)?.has(source) !== true;
  }

  /** There is a channel to them, perhaps a new one: they know of no wish. */
  opened(identity: string): void {
    if ((this.spared.get(identity)?.size ?? 0) > 0) this.tell(identity);
  }

  forget(identity: string): void {
    this.spared.delete(identity);
    for (const source of SOURCES) this.hiding.seen(keyOf(identity, source));
  }

  private set(identity: string, source: Source, spare: boolean): void {
    const spared = this.spared.get(identity) ?? new Set();
    if (spared.has(source) === spare) return;
    if (spare) spared.add(source);
    else spared.delete(source);
    this.spared.set(identity, spared);
    this.tell(identity);
  }

  private tell(identity: string): void {
    this.say(identity, { spare: [...(this.spared.get(identity) ?? [])] });
  }
}

/** What somebody need not get, or null for what is no wish. */
export function readWish(payload: unknown): ReadonlySet<Source> | null {
  const spare: unknown =
    typeof payload === "object" && payload !== null && "spare" in payload ? payload.spare : null;
  if (!Array.isArray(spare) || spare.length > 8) return null;
  const sources = spare.filter((one): one is Source => typeof one === "string" && isSource(one));
  return new Set(sources.filter((source) => kindOf(source) === "video"));
}
