import { download } from "../../app/download.ts";

/** Where a recording goes while it is made: a file that one chose, or the browser's own disk. */
export interface Target {
  /** Appends; resolves when it is written. @throws DOMException QuotaExceededError on a full disk. */
  write(piece: Blob): Promise<void>;
  /** Closes the file; one on the browser's own disk is then offered as a download. */
  finish(): Promise<void>;
}

interface PickerWindow {
  showSaveFilePicker?: (options: {
    suggestedName: string;
    types: { accept: Record<string, string[]> }[];
  }) => Promise<FileSystemFileHandle>;
}

/** False where a browser can write no file piece by piece: an hour would not fit into memory. */
export const canKeep = (): boolean =>
  "showSaveFilePicker" in globalThis ||
  ("storage" in navigator &&
    "getDirectory" in navigator.storage &&
    "createWritable" in FileSystemFileHandle.prototype);

/**
 * Opens a file; to be called by a click.
 * @throws DOMException AbortError when the person chose none.
 */
export async function openTarget(name: string, type: string): Promise<Target> {
  const ask = (globalThis as PickerWindow).showSaveFilePicker;
  if (ask) {
    const plain = type.split(";")[0] ?? type;
    const extension = name.slice(name.lastIndexOf("."));
    const chosen = await ask({
      suggestedName: name,
      types: [{ accept: { [plain]: [extension] } }],
    });
    const file = await chosen.createWritable();
    return { write: (piece) => file.write(piece), finish: () => file.close() };
  }
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(name, { create: true });
  const file = await handle.createWritable();
  return {
    write: (piece) => file.write(piece),
    finish: async () => {
      await file.close();
      download(await handle.getFile(), name);
    },
  };
}
