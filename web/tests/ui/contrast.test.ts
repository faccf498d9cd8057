import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hueOf } from "../../src/ui/tint.ts";

const css = readFileSync(new URL("../../src/ui/tokens.css", import.meta.url), "utf8");

type Colour = readonly [lightness: number, chroma: number, hue: number];
type Tokens = Map<string, Colour>;

const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");

function read(text: string): Tokens {
  const found = text.matchAll(
    /--([\w-]+):\s*oklch\(([\d.]+) ([\d.]+) ([\d.]+)(?: \/ [\d.]+)?\);/gu,
  );
  return new Map(
    Array.from(found, ([, name = "", l, c, h]) => [name, [Number(l), Number(c), Number(h)]]),
  );
}

const themes: Record<string, Tokens> = {
  light: read(light),
  dark: new Map([...read(light), ...read(dark)]),
};

/** Source: CSS Color 4, section 9.2 (OKLCH to linear sRGB); WCAG 2.2, relative luminance. */
function luminance([l, c, h]: Colour): number {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const [x, y, z] = [
    (l + 0.3963377774 * a + 0.2158037573 * b) ** 3,
    (l - 0.1055613458 * a - 0.0638541728 * b) ** 3,
    (l - 0.0894841775 * a - 1.291485548 * b) ** 3,
  ] as const;
  const clamp = (value: number): number => Math.min(1, Math.max(0, value));
  const red = clamp(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z);
  const green = clamp(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z);
  const blue = clamp(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Colour, other: Colour): number {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

const TEXT = 4.5;
const CONTROL = 3;

const paper = ["ground", "surface", "surface-sunk", "surface-hover"];
const call = ["call-ground", "call-tile", "call-control"];

/** [in front, behind, least contrast] */
const pairs: [string, string, number][] = [
  ...paper.flatMap((behind): [string, string, number][] => [
    ["text", behind, TEXT],
    ["text-soft", behind, TEXT],
    ["accent-text", behind, TEXT],
    ["danger-text", behind, TEXT],
  ]),
  ...["ground", "surface", "surface-sunk"].flatMap((behind): [string, string, number][] => [
    ["line-strong", behind, CONTROL],
    ["focus", behind, CONTROL],
    ["accent", behind, CONTROL],
    ["speaking-paper", behind, CONTROL],
  ]),
  ["text", "accent-soft", TEXT],
  ["accent-text", "accent-soft", TEXT],
  ["danger-text", "danger-soft", TEXT],
  ["on-accent", "accent", TEXT],
  ["on-accent", "accent-hover", TEXT],
  ["on-danger", "danger", TEXT],
  ["on-danger", "danger-hover", TEXT],
  ...call.flatMap((behind): [string, string, number][] => [
    ["call-text", behind, TEXT],
    ["call-text-soft", behind, TEXT],
    ["call-accent", behind, CONTROL],
    ["speaking", behind, CONTROL],
    ["call-focus", behind, CONTROL],
  ]),
  ["call-text", "call-control-hover", TEXT],
  ["call-line", "call-ground", CONTROL],
  ["call-off-text", "call-off", TEXT],
  ["call-off-text", "call-off-hover", TEXT],
  ["call-on-accent", "call-accent", TEXT],
  ["call-on-accent", "call-accent-hover", TEXT],
  ["on-danger", "call-danger", CONTROL],
  ["on-danger", "call-danger-hover", CONTROL],
  ["call-danger", "call-ground", CONTROL],
  ["ground", "text", TEXT],
  ["qr-dark", "qr-light", TEXT],
];

describe.each(Object.entries(themes))("in the %s theme", (_name, tokens) => {
  test.each(pairs)("%s on %s has a contrast of at least %f", (front, behind, least) => {
    const [one, other] = [tokens.get(front), tokens.get(behind)];
    if (!one || !other) throw new Error(`no token ${one ? behind : front}`);
    expect(contrast(one, other)).toBeGreaterThanOrEqual(least);
  });
});

test("initials can be read on every tint", () => {
  const lightness = Number(/--tint-lightness: ([\d.]+)/u.exec(css)?.[1]);
  const chroma = Number(/--tint-chroma: ([\d.]+)/u.exec(css)?.[1]);
  const letters = themes["light"]?.get("tint-text");
  if (!letters) throw new Error("no token tint-text");
  for (let hue = 0; hue < 360; hue += 1) {
    expect(contrast(letters, [lightness, chroma, hue])).toBeGreaterThanOrEqual(TEXT);
  }
  expect(hueOf("u_abc")).toBe(hueOf("u_abc"));
  expect(hueOf("u_abc")).not.toBe(hueOf("u_abd"));
});

test("components name no colour of their own", () => {
  const source = new URL("../../src/", import.meta.url);
  const found = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".svelte"),
  );
  expect(found.length).toBeGreaterThan(20);
  for (const path of found) {
    const style = readFileSync(new URL(path, source), "utf8").split("<style>")[1] ?? "";
    expect(style, path).not.toMatch(/#[\da-f]{3,8}\b|\brgba?\(|\bhsla?\(|oklch\([\d.]/iu);
  }
});
