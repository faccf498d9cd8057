import { expect, test } from "vitest";
import { readThumbnail } from "../../src/app/thumbnails.svelte";

const rgb = btoa(String.fromCharCode(1, 2, 3, 4, 5, 6));

test("a thumbnail is points and nothing else", () => {
  const read = readThumbnail({ file_id: "F_cat", width: 2, height: 1, rgb });
  expect(read?.file_id).toBe("F_cat");
  expect([...(read?.thumbnail.rgb ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
});

test.each([
  null,
  { file_id: "../x", width: 2, height: 1, rgb },
  { file_id: "F_cat", width: 3, height: 1, rgb },
  { file_id: "F_cat", width: 0, height: 1, rgb: "" },
  { file_id: "F_cat", width: 2, height: 1, rgb: "%%" },
  { file_id: "F_cat", width: 16_000, height: 16_000, rgb },
  { file_id: "F_cat", width: 2, height: 1, rgb: "A".repeat(20_000) },
])("anything else is nothing: %j", (said) => {
  expect(readThumbnail(said)).toBeNull();
});
