import type { Call, Keeper } from "./call.svelte.ts";

const TOPIC = "thumbnail";
/** With three bytes each in Base64, they fit one message of the data channel. */
const MOST_PIXELS = 3_400;
/** What others may have lying here. */
const HELD = 60;

/** A few thousand points of a picture: no format, so nothing in it that could break a decoder. */
export interface Thumbnail {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each point, row by row. */
  readonly rgb: Uint8Array;
}

/**
 * Pictures in small, straight from who sends them to those present: something to see while the
 * whole picture comes from the server. They are of whom they came through, and shown in that
 * person's messages only.
 */
export class Thumbnails implements Keeper {
  #held = $state.raw<ReadonlyMap<string, Thumbnail>>(new Map());
  #off: () => void;

  constructor(private readonly call: Call) {
    this.#off = call.session.data.on(TOPIC, (from, payload) => {
      const read = readThumbnail(payload);
      if (!read) return;
      const held = [...this.#held, [keyOf(from, read.file_id), read.thumbnail] as const];
      this.#held = new Map(held.slice(-HELD));
    });
  }

  of(author: string, fileId: string): Thumbnail | null {
    return this.#held.get(keyOf(author, fileId)) ?? null;
  }

  /** Best effort: who does not get it waits for the picture itself. */
  async spread(fileId: string, file: Blob): Promise<void> {
    const { data } = this.call.session;
    if (data.reachable().length === 0) return;
    try {
      const { width, height, rgb } = await shrink(file);
      const text = btoa(String.fromCharCode(...rgb));
      data.send(TOPIC, { file_id: fileId, width, height, rgb: text });
    } catch {
      // A picture that this browser cannot draw: the server says what is wrong with it.
    }
  }

  close(): void {
    this.#off();
  }
}

const keyOf = (author: string, fileId: string): string => `${author} ${fileId}`;

/** What somebody sent, checked; null for anything else. */
export function readThumbnail(
  value: unknown,
): { readonly file_id: string; readonly thumbnail: Thumbnail } | null {
  if (typeof value !== "object" || value === null) return null;
  const { file_id, width, height, rgb } = value as Record<string, unknown>;
  if (typeof file_id !== "string" || !/^F_[\w-]{1,62}$/u.test(file_id)) return null;
  if (!isSide(width) || !isSide(height) || typeof rgb !== "string") return null;
  if (width * height > MOST_PIXELS || rgb.length > MOST_PIXELS * 4) return null;
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(rgb), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
  if (bytes.length !== width * height * 3) return null;
  return { file_id, thumbnail: { width, height, rgb: bytes } };
}

const isSide = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value > 0;

async function shrink(file: Blob): Promise<Thumbnail> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const width = Math.max(1, Math.min(MOST_PIXELS, Math.floor(bitmap.width * scale)));
  const height = Math.max(1, Math.floor(Math.min(bitmap.height * scale, MOST_PIXELS / width)));
  const canvas = new OffscreenCanvas(width, height);
  const drawing = canvas.getContext("2d");
  if (!drawing) throw new Error("no canvas");
  drawing.imageSmoothingQuality = "high";
  // What is seen through in it is seen on paper.
  drawing.fillStyle = "white";
  drawing.fillRect(0, 0, width, height);
  drawing.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = drawing.getImageData(0, 0, width, height);
  return { width, height, rgb: data.filter((_, at) => at % 4 !== 3) as unknown as Uint8Array };
}

/** Draws it as it is; the page makes it larger. */
export function paint(canvas: HTMLCanvasElement, { width, height, rgb }: Thumbnail): void {
  canvas.width = width;
  canvas.height = height;
  const drawing = canvas.getContext("2d");
  if (!drawing) return;
  const image = drawing.createImageData(width, height);
  for (let point = 0; point < width * height; point += 1) {
    image.data.set(rgb.subarray(point * 3, point * 3 + 3), point * 4);
    image.data[point * 4 + 3] = 255;
  }
  drawing.putImageData(image, 0, 0);
}
