import { expect, test } from "vitest";
import { type Durable, emptyRoom } from "../../src/meeting/fold";
import { EventStream } from "../../src/wire/stream";

const said = (seq: number, prev: number): Durable => ({
  type: "chat.sent",
  stream: "room",
  seq,
  prev,
  at_ms: seq,
  actor: "u_a",
  command_id: `c${seq}`,
  v: 2,
  payload: { text: `${seq}`, name: "A", reply_to: null, image: null, mentions: [] },
});

function open() {
  const heard: number[] = [];
  let gaps = 0;
  const stream = new EventStream({
    applied: (event) => heard.push(event.seq),
    replaced: () => undefined,
    gap: () => gaps++,
  });
  return { stream, heard, gaps: () => gaps };
}

test("nothing is folded before the first snapshot, and nothing is lost", () => {
  const { stream, heard } = open();
  stream.receive(said(1, 0));
  stream.receive(said(2, 1));
  expect(heard).toEqual([]);
  stream.replace({ ...emptyRoom("RM_1"), streams: { room: 1 } });
  expect(heard).toEqual([2]);
});

test("a frame that comes twice counts once", () => {
  const { stream, heard } = open();
  stream.replace(emptyRoom());
  for (const frame of [said(1, 0), said(1, 0), said(2, 1), said(1, 0)]) stream.receive(frame);
  expect(heard).toEqual([1, 2]);
});

test("a gap is noticed once, and what follows waits for the tail", () => {
  const { stream, heard, gaps } = open();
  stream.replace(emptyRoom());
  stream.receive(said(1, 0));
  stream.receive(said(3, 2));
  stream.receive(said(4, 3));
  expect([heard, gaps()]).toEqual([[1], 1]);
  stream.caughtUp([said(2, 1), said(3, 2)]);
  expect([heard, gaps()]).toEqual([[1, 2, 3, 4], 1]);
});

test("a tail that is still too short asks again", () => {
  const { stream, heard, gaps } = open();
  stream.replace(emptyRoom());
  stream.receive(said(3, 2));
  stream.caughtUp([said(1, 0)]);
  expect([heard, gaps()]).toEqual([[1], 2]);
  stream.replace({ ...emptyRoom(), streams: { room: 3 } });
  expect(stream.room.streams["room"]).toBe(3);
});
