import { bringIntoSight, type Corner, stableOrder } from "../ui/layout.ts";
import type { Person } from "./people.ts";
import type { Remembered } from "./remembered.svelte.ts";

export interface TileSpec {
  readonly id: string;
  readonly person: Person;
  readonly source: "camera" | "screen_share";
}

export const shareTileId = (identity: string): string => `${identity}/screen_share`;

/** Who is shown where: order, pin and layout. Geometry itself is in `ui/layout.ts`. */
export class Stage {
  pinned = $state<string | null>(null);
  corner = $state<Corner>("bottom-right");
  lastSpeaker = $state<string | null>(null);
  #order = $state.raw<readonly string[]>([]);
  /** Shares in the order in which they began. */
  #shares = $state.raw<readonly string[]>([]);

  constructor(
    private readonly people: () => readonly Person[],
    private readonly remembered: Remembered,
  ) {}

  /** To be called when people or shares changed: newcomers go to the end, nobody else moves. */
  follow(): void {
    const people = this.people();
    this.#order = stableOrder(
      this.#order,
      people.map((person) => person.identity),
    );
    this.#shares = stableOrder(
      this.#shares,
      people.filter((person) => person.share && !person.isMe).map((person) => person.identity),
    );
    if (this.pinned !== null && !this.tiles.some((tile) => tile.id === this.pinned)) {
      this.pinned = null;
    }
    if (!this.#order.includes(this.lastSpeaker ?? "")) this.lastSpeaker = null;
  }

  /** Someone else began to speak. `visible`: how many tiles of the strip are in sight. */
  spoke(identity: string, visible: number): void {
    this.lastSpeaker = identity;
    if (this.large !== null) this.#order = bringIntoSight(this.#order, identity, visible);
  }

  get tiles(): TileSpec[] {
    const byIdentity = new Map(this.people().map((person) => [person.identity, person]));
    const tiles: TileSpec[] = [];
    for (const identity of this.#shares) {
      const person = byIdentity.get(identity);
      if (person?.share) tiles.push({ id: shareTileId(identity), person, source: "screen_share" });
    }
    for (const identity of this.#order) {
      const person = byIdentity.get(identity);
      if (!person) continue;
      const alone = byIdentity.size === 1;
      if (person.isMe && !this.remembered.show_self && !alone) continue;
      tiles.push({ id: identity, person, source: "camera" });
    }
    return tiles;
  }

  /** The tile that takes the stage, or null for a grid of equals. */
  get large(): string | null {
    const tiles = this.tiles;
    if (this.pinned !== null && tiles.some((tile) => tile.id === this.pinned)) return this.pinned;
    const share = tiles.findLast((tile) => tile.source === "screen_share");
    if (share) return share.id;
    const others = tiles.filter((tile) => !tile.person.isMe);
    if (this.remembered.layout === "speaker" && others.length > 1) {
      return others.find((tile) => tile.id === this.lastSpeaker)?.id ?? others[0]?.id ?? null;
    }
    return null;
  }

  /** Two people, no share, no pin: the other fills the stage and oneself sits in a corner. */
  get pair(): { readonly other: string; readonly self: string | null } | null {
    const tiles = this.tiles;
    if (this.large !== null || this.people().length !== 2) return null;
    const other = tiles.find((tile) => !tile.person.isMe);
    if (!other) return null;
    return { other: other.id, self: tiles.find((tile) => tile.person.isMe)?.id ?? null };
  }

  togglePin(id: string): void {
    this.pinned = this.pinned === id ? null : id;
  }

  toggleLayout(): void {
    this.remembered.layout = this.remembered.layout === "grid" ? "speaker" : "grid";
    this.pinned = null;
    this.remembered.save();
  }
}
