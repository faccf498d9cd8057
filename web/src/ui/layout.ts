/** Where each tile goes: pure geometry over a box in CSS pixels, so that it can be tested without a browser. */

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Rect extends Box {
  readonly x: number;
  readonly y: number;
}

/** `placed` follows the order of the ids given; `content` is how large the scrolled area is. */
export interface Arrangement {
  readonly placed: ReadonlyMap<string, Rect>;
  readonly content: Box;
}

export type Corner = "top-left" | "top-right" | "bottom-left" | "bottom-right";

export const NARROWEST_ASPECT = 4 / 3;
export const WIDEST_ASPECT = 17 / 9;
export const SMALLEST_TILE_PX = 180;
export const GAP_PX = 8;

const STRIP_ASPECT = 16 / 9;

/** The largest tile of an allowed aspect inside a cell. */
function fit(cell: Box): Box {
  const aspect = Math.min(WIDEST_ASPECT, Math.max(NARROWEST_ASPECT, cell.width / cell.height));
  return cell.width / cell.height > aspect
    ? { width: cell.height * aspect, height: cell.height }
    : { width: cell.width, height: cell.width / aspect };
}

function cellOf(box: Box, count: number, columns: number): Box {
  const rows = Math.ceil(count / columns);
  return {
    width: Math.max(1, (box.width - GAP_PX * (columns - 1)) / columns),
    height: Math.max(1, (box.height - GAP_PX * (rows - 1)) / rows),
  };
}

/** How many columns show `count` tiles largest: the ideal by area, or one of its two neighbours. */
export function columnsFor(box: Box, count: number): number {
  const ideal = Math.sqrt((count * box.width) / Math.max(1, box.height) / NARROWEST_ASPECT);
  const middle = Math.max(1, Math.round(ideal));
  let best = 1;
  let bestArea = 0;
  for (const columns of [middle - 1, middle, middle + 1]) {
    if (columns < 1 || columns > count) continue;
    const tile = fit(cellOf(box, count, columns));
    const area = tile.width * tile.height;
    if (area > bestArea * 1.001) {
      best = columns;
      bestArea = area;
    }
  }
  return best;
}

function inRows(
  ids: readonly string[],
  columns: number,
  tile: Box,
  box: Box,
  centredVertically: boolean,
): Arrangement {
  const rows = Math.ceil(ids.length / columns);
  const height = rows * tile.height + (rows - 1) * GAP_PX;
  const top = centredVertically ? Math.max(0, (box.height - height) / 2) : 0;
  const placed = new Map<string, Rect>();
  ids.forEach((id, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, ids.length - row * columns);
    const rowWidth = inRow * tile.width + (inRow - 1) * GAP_PX;
    placed.set(id, {
      x: (box.width - rowWidth) / 2 + (index % columns) * (tile.width + GAP_PX),
      y: top + row * (tile.height + GAP_PX),
      width: tile.width,
      height: tile.height,
    });
  });
  return { placed, content: { width: box.width, height: Math.max(box.height, height) } };
}

/** How many equal tiles fit a box without being smaller than is good to look at. */
export function tilesFitting(box: Box): number {
  const across = (size: number, smallest: number): number =>
    Math.max(1, Math.floor((size + GAP_PX) / (smallest + GAP_PX)));
  return across(box.width, SMALLEST_TILE_PX) * across(box.height, SMALLEST_TILE_PX / STRIP_ASPECT);
}

/** Everyone in equal tiles. Where they would be narrower than 180 px, the grid scrolls instead. */
export function arrangeGrid(ids: readonly string[], box: Box): Arrangement {
  if (ids.length === 0) return { placed: new Map(), content: box };
  const columns = columnsFor(box, ids.length);
  const tile = fit(cellOf(box, ids.length, columns));
  if (tile.width >= Math.min(SMALLEST_TILE_PX, box.width)) {
    return inRows(ids, columns, tile, box, true);
  }
  const fitting = Math.floor((box.width + GAP_PX) / (SMALLEST_TILE_PX + GAP_PX));
  const scrolled = Math.min(ids.length, Math.max(1, fitting));
  const width = (box.width - GAP_PX * (scrolled - 1)) / scrolled;
  return inRows(ids, scrolled, { width, height: width / STRIP_ASPECT }, box, false);
}

/** One tile on the stage, the others in a strip: at the side in landscape, at the bottom in portrait. */
export function arrangeStage(stage: string, strip: readonly string[], box: Box): Arrangement {
  const placed = new Map<string, Rect>();
  if (strip.length === 0) {
    placed.set(stage, { x: 0, y: 0, width: box.width, height: box.height });
    return { placed, content: box };
  }
  const sideways = box.width > box.height;
  if (sideways) {
    const width = Math.min(280, Math.max(SMALLEST_TILE_PX, box.width * 0.19));
    const height = width / STRIP_ASPECT;
    const needed = strip.length * height + (strip.length - 1) * GAP_PX;
    const top = Math.max(0, (box.height - needed) / 2);
    placed.set(stage, { x: 0, y: 0, width: box.width - width - GAP_PX, height: box.height });
    strip.forEach((id, index) => {
      placed.set(id, { x: box.width - width, y: top + index * (height + GAP_PX), width, height });
    });
    return { placed, content: { width: box.width, height: Math.max(box.height, needed) } };
  }
  const width = SMALLEST_TILE_PX;
  const height = width / STRIP_ASPECT;
  const needed = strip.length * width + (strip.length - 1) * GAP_PX;
  const left = Math.max(0, (box.width - needed) / 2);
  placed.set(stage, { x: 0, y: 0, width: box.width, height: box.height - height - GAP_PX });
  strip.forEach((id, index) => {
    placed.set(id, { x: left + index * (width + GAP_PX), y: box.height - height, width, height });
  });
  return { placed, content: { width: Math.max(box.width, needed), height: box.height } };
}

/** A call of two: the other fills the box, oneself sits in a corner on top. */
export function arrangePair(other: string, self: string, box: Box, corner: Corner): Arrangement {
  return {
    placed: new Map([
      [other, { x: 0, y: 0, width: box.width, height: box.height }],
      [self, cornerRect(box, corner)],
    ]),
    content: box,
  };
}

export function cornerRect(box: Box, corner: Corner): Rect {
  const width = Math.min(240, Math.max(112, Math.min(box.width, box.height * 1.4) * 0.26));
  const height = width / NARROWEST_ASPECT;
  const margin = 12;
  return {
    x: corner.endsWith("left") ? margin : box.width - width - margin,
    y: corner.startsWith("top") ? margin : box.height - height - margin,
    width,
    height,
  };
}

/** The corner nearest to where a dragged tile's centre was let go. */
export function nearestCorner(box: Box, centre: { x: number; y: number }): Corner {
  const vertical = centre.y < box.height / 2 ? "top" : "bottom";
  const horizontal = centre.x < box.width / 2 ? "left" : "right";
  return `${vertical}-${horizontal}`;
}

/**
 * Keeps everyone where they were: those still here hold their order, newcomers go to the end.
 * One who spoke is moved to the front of the strip only when out of sight there.
 */
export function stableOrder(before: readonly string[], now: readonly string[]): string[] {
  const present = new Set(now);
  const kept = before.filter((id) => present.has(id));
  const known = new Set(kept);
  return [...kept, ...now.filter((id) => !known.has(id))];
}

/** Who takes the last visible place when someone out of sight speaks; the order of all others stays. */
export function bringIntoSight(
  order: readonly string[],
  speaker: string,
  visible: number,
): readonly string[] {
  const at = order.indexOf(speaker);
  if (at < visible || visible < 1) return order;
  const next = [...order];
  const displaced = next[visible - 1];
  if (displaced === undefined) return order;
  next[visible - 1] = speaker;
  next[at] = displaced;
  return next;
}
