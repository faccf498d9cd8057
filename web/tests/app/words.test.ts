import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { codeOf, REFUSALS, WAYS } from "../../src/app/refusals.ts";
import { troubleText } from "../../src/app/troubles.ts";
import { getLocale, overwriteGetLocale } from "../../src/paraglide/runtime.js";
import { ERROR_CODES } from "../../src/wire/types.gen.ts";

type Catalogue = Record<string, unknown>;

const catalogue = (locale: string): Catalogue =>
  JSON.parse(
    readFileSync(new URL(`../../messages/${locale}.json`, import.meta.url), "utf8"),
  ) as Catalogue;

const en = catalogue("en");
const ko = catalogue("ko");

const variants = (message: unknown): string[] =>
  typeof message === "string"
    ? [message]
    : (message as { match: Record<string, string> }[]).flatMap(({ match }) => Object.values(match));

const slots = (text: string): string[] => (text.match(/\{\w+\}/gu) ?? []).sort();

test("there are two catalogues with the same keys", () => {
  const files = readdirSync(new URL("../../messages", import.meta.url));
  expect(files.sort()).toEqual(["en.json", "ko.json"]);
  expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
});

const keys = Object.keys(en).filter((key) => !key.startsWith("$"));

test("every message says something in both languages, with the same places to fill in", () => {
  for (const key of keys) {
    const [english = "", korean = ""] = [variants(en[key]).at(-1), variants(ko[key]).at(-1)];
    expect(english.trim(), key).not.toBe("");
    expect(korean.trim(), key).not.toBe("");
    expect(slots(korean), key).toEqual(slots(english));
  }
});

test("no particle is put on a name in Korean", () => {
  const particle = /\{\w+\}(?:은|는|이|가|을|를|와|과|으로|로|아|야)(?:[\s,.]|$)/u;
  for (const key of keys) {
    for (const text of variants(ko[key])) expect(text, key).not.toMatch(particle);
  }
});

test("every message is used", () => {
  const source = new URL("../../src/", import.meta.url);
  const used = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(?:svelte|ts)$/u.test(path) && !path.startsWith("paraglide"))
    .map((path) => readFileSync(new URL(path, source), "utf8"))
    .join("\n");
  for (const key of keys) expect(used, key).toMatch(new RegExp(`\\bm\\.${key}\\b`, "u"));
});

const sentences = (text: string): number => text.split(/[.!?](?:\s|$)/u).filter(Boolean).length;

const usual = getLocale;
// Other tests run in the same process.
afterAll(() => overwriteGetLocale(usual));

describe.each(["en", "ko"] as const)("in %s", (locale) => {
  test.each(Object.keys(REFUSALS) as (keyof typeof REFUSALS)[])(
    "the refusal %s has at most two sentences and one button",
    (code) => {
      overwriteGetLocale(() => locale);
      const { text, button } = REFUSALS[code];
      expect(text()).not.toBe("");
      expect(text()).not.toContain("refusal_");
      expect(sentences(text())).toBeLessThanOrEqual(2);
      expect(WAYS[button]()).not.toBe("");
    },
  );

  test.each(["denied", "dismissed", "missing", "busy", "insecure", "system", "failed"] as const)(
    "the trouble %s is told for each device",
    (kind) => {
      overwriteGetLocale(() => locale);
      for (const about of ["camera", "microphone", "both"] as const) {
        expect(sentences(troubleText({ kind, about }))).toBeLessThanOrEqual(2);
      }
    },
  );
});

test("every code of the wire has a refusal, and an unknown one is not shown raw", () => {
  for (const code of ERROR_CODES) expect(codeOf({ code })).toBe(code);
  expect(codeOf({ code: "made_up" })).toBe("unknown");
  expect(codeOf(new Error("boom"))).toBe("unknown");
  expect(codeOf({ code: "unreachable" })).toBe("timed_out");
});
