import { expect, test } from "vitest";
import { Bridge, CALLS } from "../../src/features/apps/bridge.ts";

/** One end of a channel; the other is the test's. */
class Port {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly said: unknown[] = [];
  closed = false;

  postMessage(text: string): void {
    this.said.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
}

function bridged(answer: (call: string, given: readonly unknown[]) => unknown = () => "yes") {
  const port = new Port();
  const time = { now_ms: 0 };
  const asked: unknown[] = [];
  let floods = 0;
  new Bridge(
    port as unknown as MessagePort,
    (call, given) => {
      asked.push([call, ...given]);
      return answer(call, given);
    },
    () => (floods += 1),
    () => time.now_ms,
  );
  return {
    port,
    time,
    asked,
    floods: () => floods,
    say: (data: unknown) => port.onmessage?.({ data }),
    ask: (id: number, call: string, ...given: unknown[]) =>
      port.onmessage?.({ data: JSON.stringify({ id, call, given }) }),
  };
}

const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

test("there are no more than ten calls, `on` among them", () => {
  expect(CALLS.length + 1).toBeLessThanOrEqual(10);
});

test("a call is answered under its number, a refusal by its code", async () => {
  const { port, ask } = bridged((call) => {
    if (call === "me") return { name: "Mina" };
    throw Object.assign(new Error("no"), { code: "not_host" });
  });
  ask(1, "me");
  ask(2, "storage", "key", 1);
  await settled();
  expect(port.said).toHaveLength(2);
  expect(port.said).toContainEqual({ id: 1, result: { name: "Mina" } });
  expect(port.said).toContainEqual({ id: 2, code: "not_host" });
});

test("what breaks inside tells nothing about it", async () => {
  const { port, ask } = bridged(() => {
    throw new TypeError("secret path");
  });
  ask(1, "me");
  await settled();
  expect(port.said).toEqual([{ id: 1, code: "internal" }]);
});

test.each([
  { id: 1, call: "me", given: [] },
  "nonsense",
  "null",
  "[]",
  '{"id":1,"call":"me"}',
  '{"id":"1","call":"me","given":[]}',
  '{"id":1,"call":"constructor","given":[]}',
  '{"id":1,"call":"eval","given":["alert(1)"]}',
  `{"id":1,"call":"broadcast","given":["${"x".repeat(60_000)}"]}`,
])("%.40j is no call", async (data) => {
  const { port, asked, say } = bridged();
  say(data);
  await settled();
  expect([port.said, asked]).toEqual([[], []]);
});

test("who asks too much is refused, and who goes on is stopped for good", async () => {
  const { port, time, asked, ask, floods } = bridged();
  for (let id = 1; id <= 200; id += 1) ask(id, "me");
  await settled();
  expect(asked).toHaveLength(120);
  expect(
    port.said.filter((one) => (one as { code?: string }).code === "rate_limited"),
  ).toHaveLength(80);
  time.now_ms = 1_000;
  ask(201, "me");
  await settled();
  expect(asked).toHaveLength(121);

  for (let id = 300; id < 5_000; id += 1) ask(id, "me");
  await settled();
  expect([port.closed, floods(), port.onmessage]).toEqual([true, 1, null]);
  expect(port.said.length).toBeLessThan(1_000);
});
