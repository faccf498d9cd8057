/** Browser storage that may be full, forbidden or cleared: it then forgets, and nothing breaks. */

type Area = "localStorage" | "sessionStorage";

export function read(area: Area, key: string): string | null {
  try {
    return globalThis[area].getItem(key);
  } catch {
    return null;
  }
}

export function write(area: Area, key: string, value: string | null): void {
  try {
    if (value === null) globalThis[area].removeItem(key);
    else globalThis[area].setItem(key, value);
  } catch {
    // Private mode or a full disk: remembered for this page only.
  }
}

export function readJson(area: Area, key: string): unknown {
  const text = read(area, key);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
