import { afterEach, expect, test, vi } from "vitest";
import type { Call } from "../../src/app/call.svelte.ts";
import { endsWithThePage } from "../../src/features/files/files.svelte.ts";
import { Receiving } from "../../src/features/files/receiving.svelte.ts";
import { Sending } from "../../src/features/files/sending.svelte.ts";
import type { ByteSource } from "../../src/media/session.ts";

const FILE = new File(["hello"], "hello.txt");

/** A call in which what is said is kept. */
function quietCall(): { readonly call: Call; readonly said: unknown[] } {
  const said: unknown[] = [];
  const data = { send: (_topic: string, what: unknown) => said.push(what) };
  return { call: { session: { data } } as unknown as Call, said };
}

/** A disk on which everything is at once. */
class QuickWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;

  postMessage(request: { readonly do: string }): void {
    if (request.do === "end") {
      this.onmessage?.({ data: { did: "end", file: FILE, sha256: "right" } });
    }
  }
  terminate(): void {
    this.onmessage = null;
  }
}

afterEach(() => vi.unstubAllGlobals());

test("a file of which somebody says that it is whole there is done, and offered no more", () => {
  const { call, said } = quietCall();
  const sending = new Sending(call, "a", FILE, FILE.name, [{ identity: "jun", name: "Jun" }]);
  const [leg] = sending.legs;
  if (!leg) throw new Error("nobody gets it");
  sending.heard(leg, { kind: "have", id: "a" });
  expect(leg.state).toBe("done");
  expect(leg.sent).toBe(FILE.size);
  expect(sending.isOver).toBe(true);
  said.length = 0;
  sending.offer(leg);
  expect(said).toEqual([]);
});

test("who has a file whole says so when it is offered another time", async () => {
  vi.stubGlobal("Worker", QuickWorker);
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:here" }));
  const { call, said } = quietCall();
  const folder = Promise.resolve("folder");
  const receiving = new Receiving(call, folder, "mina", "Mina", "a", FILE.name, FILE.size);
  receiving.accept();
  await vi.waitFor(() => expect(said).toEqual([{ kind: "want", id: "a", from: 0 }]));
  const source = { take: () => undefined, done: () => undefined } as unknown as ByteSource;
  expect(receiving.begins(source, 0)).toBe(true);
  source.onpiece?.(new ArrayBuffer(FILE.size));
  source.onlast?.({ sha256: "right" });
  expect(receiving.state).toBe("done");
  said.length = 0;
  receiving.offeredAgain();
  expect(said).toEqual([{ kind: "have", id: "a" }]);
});

test.each([
  ["on its way into the room", { isOver: false, state: "uploading" }, "done", true],
  ["in the room, and nobody has said yes", { isOver: true, state: "done" }, "offered", false],
  ["in the room, and on its way to somebody", { isOver: true, state: "done" }, "sending", true],
  ["too large for the room, and offered", { isOver: true, state: "failed" }, "offered", true],
  ["too large for the room, and there", { isOver: true, state: "failed" }, "done", false],
] as const)("a file that is %s ends with the page: %o, %s: %s", (_, keeping, leg, ends) => {
  const sending = new Sending(quietCall().call, "a", FILE, FILE.name, [
    { identity: "jun", name: "Jun" },
  ]);
  for (const one of sending.legs) one.state = leg;
  expect(endsWithThePage(sending, keeping)).toBe(ends);
});
