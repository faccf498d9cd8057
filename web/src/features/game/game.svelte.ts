import type { Call } from "../../app/call.svelte.ts";
import { sideOf } from "../../meeting/slices/game.ts";
import type { GameState } from "../../wire/types.gen.ts";
import { Paddle } from "./paddle.ts";
import { type Packet, read, type Scene, written } from "./packets.ts";
import { Referee } from "./referee.ts";
import { type Own, Replay, type Shown, WATCHING_LAG_MS } from "./replay.ts";
import { clampPaddle, other, playing, refereeOf, type Side, winnerOf } from "./table.ts";

const TOPIC = "game";
const PACKETS_PER_S = 30;
/** Who has not said a word for so long is not at the table. */
const AWAY_MS = 1_000;
const WATCHING_EVERY_MS = 500;
const WATCHES_MS = 2_000;
const SAY_AGAIN_MS = 3_000;

interface Heard {
  readonly at_ms: number;
  readonly t_ms: number;
  readonly x: number | null;
}

/**
 * The table as one person has it: as its referee, its other player or somebody who watches. It
 * moves only while it is looked at; a player who looks away is waited for.
 */
export class Game {
  shown = $state.raw<Shown | null>(null);
  readonly paddle = new Paddle();

  #referee = new Referee();
  #replay = new Replay(0);
  #heard = new Map<string, Heard>();
  #round = 0;
  #of: string | null = null;
  #waitsFor = { points: 0, since_ms: -Infinity };
  #told_ms = -Infinity;
  #off: () => void;
  #stop: (() => void) | null = null;

  constructor(private readonly call: Call) {
    this.#off = call.session.data.on(TOPIC, (from, payload) => this.#receive(from, read(payload)));
  }

  get state(): GameState {
    return this.call.room.slices.game;
  }

  get side(): Side | null {
    return sideOf(this.state, this.call.seat.identity);
  }

  /** A player who has a place and does not look at the table. */
  get awaited(): string | null {
    const referee = refereeOf(this.state);
    if (this.shown?.phase !== "waiting" || referee === null) return null;
    const me = this.call.seat.identity;
    if (referee !== me && this.#replay.silence(performance.now()) > AWAY_MS) return referee;
    const second = [this.state.near, this.state.far].find((one) => one?.identity !== referee);
    return second && second.identity !== me ? second.identity : null;
  }

  /** From here on the table moves, until the function that it gives is called. */
  look(): () => void {
    this.#stop?.();
    let frame = 0;
    let before_ms = performance.now();
    const draw = (): void => {
      const now_ms = performance.now();
      this.paddle.step((now_ms - before_ms) / 1000);
      before_ms = now_ms;
      this.#draw(now_ms);
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    const packets = setInterval(() => this.#speak(performance.now()), 1000 / PACKETS_PER_S);
    const stop = (): void => {
      cancelAnimationFrame(frame);
      clearInterval(packets);
      this.shown = null;
      if (this.#stop === stop) this.#stop = null;
    };
    return (this.#stop = stop);
  }

  close(): void {
    this.#stop?.();
    this.#off();
  }

  get #own(): Own | undefined {
    const { side } = this;
    return side === null ? undefined : { side, x: this.#facing(this.paddle.x, side) };
  }

  /** Everybody sees themselves at the near end. */
  #facing(x: number, side: Side): number {
    return clampPaddle(side === "near" ? x : 1 - x);
  }

  #receive(from: string, packet: Packet | null): void {
    if (packet === null || !this.#stop) return;
    const now_ms = performance.now();
    if (packet.kind === "presence") {
      const { t_ms, x } = packet;
      const before = this.#heard.get(from);
      // A later word came first; one that is much older is of a clock that was set anew.
      if (before && t_ms < before.t_ms && before.t_ms - t_ms < WATCHES_MS) return;
      this.#heard.set(from, { at_ms: now_ms, t_ms, x });
    } else if (from === refereeOf(this.state)) {
      if (packet.round === this.state.round) this.#replay.take(packet, now_ms, this.#own);
    }
  }

  #draw(now_ms: number): void {
    const { state } = this;
    this.#follow(state, now_ms);
    if (!playing(state)) {
      this.shown = null;
    } else if (refereeOf(state) === this.call.seat.identity) {
      this.#decide(state, now_ms);
    } else if (this.#replay.silence(now_ms) > AWAY_MS) {
      const own = this.#own;
      const paddles = { near: 0.5, far: 0.5, ...(own ? { [own.side]: own.x } : {}) };
      this.shown = { phase: "waiting", ball: this.#referee.ball, paddles };
    } else {
      this.shown = this.#replay.at(now_ms, this.#own);
    }
  }

  /** Begins anew with each round and each referee. */
  #follow(state: GameState, now_ms: number): void {
    const referee = refereeOf(state);
    if (state.round === this.#round && referee === this.#of) return;
    this.#round = state.round;
    this.#of = referee;
    this.#referee = new Referee();
    this.#waitsFor = { points: 0, since_ms: -Infinity };
    this.#replay = new Replay(this.side === null ? WATCHING_LAG_MS : 0);
    this.#referee.serveTo("far", now_ms);
  }

  #decide(state: GameState, now_ms: number): void {
    const own = this.#own;
    if (!own || !state.near || !state.far) return;
    const opposite = other(own.side);
    const there = this.#heard.get(state[opposite]?.identity ?? "");
    const paddles = { near: 0.5, far: 0.5, [own.side]: own.x, [opposite]: there?.x ?? 0.5 };
    const here = there !== undefined && now_ms - there.at_ms < AWAY_MS;
    const winner = winnerOf(state) === null ? this.#referee.step(now_ms, paddles, here) : null;
    const points = state.near.points + state.far.points;
    if (winner !== null) this.#waitsFor = { points: points + 1, since_ms: -Infinity };
    if (winnerOf(state) === null && this.#referee.phase === "point")
      this.#count(state, points, winner, now_ms);
    this.shown = { phase: this.#referee.phase, ball: this.#referee.ball, paddles };
  }

  #winner: Side = "near";

  /** Says the point until the room has it; then the ball comes back. */
  #count(state: GameState, points: number, winner: Side | null, now_ms: number): void {
    if (winner !== null) this.#winner = winner;
    const side = this.#winner;
    if (points >= this.#waitsFor.points) {
      this.#referee.serveTo(other(side), now_ms);
    } else if (now_ms - this.#waitsFor.since_ms > SAY_AGAIN_MS) {
      this.#waitsFor = { ...this.#waitsFor, since_ms: now_ms };
      const said = { round: state.round, side, points: (state[side]?.points ?? 0) + 1 };
      // Refused, it is not ours to say any more; unheard, it is said again.
      void this.call.command("game.score", said).catch(() => undefined);
    }
  }

  #speak(now_ms: number): void {
    const referee = refereeOf(this.state);
    if (referee === null || document.hidden) return;
    const t_ms = Math.round(performance.timeOrigin + now_ms);
    if (referee === this.call.seat.identity) {
      const { shown } = this;
      if (!shown) return;
      const scene: Scene = { kind: "scene", round: this.state.round, t_ms, ...shown };
      const watch = [...this.#heard].flatMap(([identity, { at_ms }]) =>
        now_ms - at_ms < WATCHES_MS ? [identity] : [],
      );
      this.call.session.data.sendLossy(TOPIC, written(scene), watch);
      return;
    }
    const x = this.#own?.x ?? null;
    if (x === null && now_ms - this.#told_ms < WATCHING_EVERY_MS) return;
    this.#told_ms = now_ms;
    const presence = written({ kind: "presence", t_ms, x });
    this.call.session.data.sendLossy(TOPIC, presence, [referee]);
  }
}
