/**
 * A file in blocks, the next one read while its user is busy with the one before. Two buffers serve
 * a file of any size: what is left to the garbage collector grows to a hundred megabytes before it
 * comes by. A block is overwritten once the next one is asked for.
 *
 * Source: WHATWG Streams, `ReadableStreamBYOBReader`; W3C File API, `Blob.stream()`.
 */
const BLOCK_BYTES = 1024 * 1024;

type Block = Uint8Array<ArrayBuffer>;

export async function* blocksOf(file: Blob, from: number): AsyncGenerator<Block, void> {
  const rest = file.slice(from);
  const fill = filler(rest);
  let left = rest.size;
  let spare: ArrayBuffer = new ArrayBuffer(BLOCK_BYTES);
  let next = fill(new ArrayBuffer(BLOCK_BYTES), left);
  // Who stops in the middle does not wait for it.
  next.catch(() => undefined);
  while (left > 0) {
    const block = await next;
    left -= block.length;
    next = fill(spare, left);
    next.catch(() => undefined);
    yield block;
    spare = block.buffer;
  }
}

/** Reads on into a buffer until it is full or the file has ended. */
function filler(file: Blob): (buffer: ArrayBuffer, left: number) => Promise<Block> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = file.stream().getReader({ mode: "byob" });
  } catch {
    return slicer(file); // Safari's streams of files take no buffers (2026)
  }
  return async (given, left) => {
    let buffer = given;
    let filled = 0;
    const wanted = Math.min(BLOCK_BYTES, left);
    while (filled < wanted) {
      const { value } = await reader.read(new Uint8Array(buffer, filled, wanted - filled));
      if (!value || value.length === 0) throw new DOMException("", "NotReadableError");
      buffer = value.buffer;
      filled += value.length;
    }
    return new Uint8Array(buffer, 0, filled);
  };
}

function slicer(file: Blob): (buffer: ArrayBuffer, left: number) => Promise<Block> {
  return async (_, left) => {
    const at = file.size - left;
    return new Uint8Array(await file.slice(at, at + BLOCK_BYTES).arrayBuffer());
  };
}
