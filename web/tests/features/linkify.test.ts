import { describe, expect, test } from "vitest";
import { linkify } from "../../src/features/chat/linkify.ts";

const links = (text: string): [string, string][] =>
  linkify(text).flatMap((piece) =>
    piece.kind === "link" ? [[piece.text, piece.href] as [string, string]] : [],
  );

describe("a link", () => {
  test.each([
    ["see https://example.org.", "https://example.org", "https://example.org/"],
    ["(https://example.org/a_(b))", "https://example.org/a_(b)", "https://example.org/a_(b)"],
    ["www.example.org/x?y=1&z", "www.example.org/x?y=1&z", "https://www.example.org/x?y=1&z"],
    ["mailto:mina@example.org!", "mailto:mina@example.org", "mailto:mina@example.org"],
    ["https://example.org에서 만나요", "https://example.org", "https://example.org/"],
    ["자료는 https://a.org/plan입니다.", "https://a.org/plan", "https://a.org/plan"],
    ["https://a.org/까지", "https://a.org/", "https://a.org/"],
    ["www.example.org을", "www.example.org", "https://www.example.org/"],
    ["https://a.org/wiki/가", "https://a.org/wiki/가", "https://a.org/wiki/%EA%B0%80"],
    [
      "주소는 https://예시.한국/길 이에요",
      "https://예시.한국/길",
      new URL("https://예시.한국/길").href,
    ],
  ])("in %j is %j", (text, shown, href) => {
    expect(links(text)).toEqual([[shown, href]]);
  });

  test.each([
    "javascript:alert(1)",
    "data:text/html,hi",
    "ftp://example.org",
    "https://",
    "https://user:secret@example.org",
    "just text",
    "<script>alert(1)</script>",
  ])("is not made of %j", (text) => {
    expect(links(text)).toEqual([]);
    expect(linkify(text)).toEqual([{ kind: "text", text }]);
  });

  test("leaves the text around it as it was", () => {
    const text = "a https://x.org/ b\nhttps://y.org, c";
    expect(
      linkify(text)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  });

  test("ends where a character would turn the reading direction", () => {
    expect(links("https://example.org/\u202egpj.exe")).toEqual([
      ["https://example.org/", "https://example.org/"],
    ]);
  });
});
