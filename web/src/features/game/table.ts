/**
 * The table and what a ball does on it. One unit is the width of the table; `y` goes from the near
 * end, 0, to the far one. Pure: the referee decides with it, everybody else foresees with it.
 */
import { type GameState, POINTS_TO_WIN } from "../../wire/types.gen.ts";

export type Side = "near" | "far";

export interface Ball {
  readonly x: number;
  readonly y: number;
  /** Units a second. */
  readonly vx: number;
  readonly vy: number;
}

/** The middles of both paddles. */
export type Paddles = Readonly<Record<Side, number>>;

export const LENGTH = 1.5;
export const RADIUS = 0.022;
export const PADDLE_HALF = 0.12;
/** How far a paddle stands from its end. What passes it can be saved until the end. */
export const LINE = 0.07;
export const SERVE_SPEED = 0.7;
const TOP_SPEED = 1.5;
const FASTER_BY = 1.05;
/** The steepest way off the edge of a paddle, across for each along. */
const STEEPEST = 1.1;
const STEP_S = 1 / 240;

export const MIDDLE: Ball = { x: 0.5, y: LENGTH / 2, vx: 0, vy: 0 };

export const other = (side: Side): Side => (side === "near" ? "far" : "near");

export const playing = ({ near, far }: GameState): boolean => near !== null && far !== null;

/** The player who decides: the one with the lower identity. Null while there are not two. */
export function refereeOf({ near, far }: GameState): string | null {
  if (near === null || far === null) return null;
  return near.identity < far.identity ? near.identity : far.identity;
}

/** Who has won this round; null while it goes on. */
export function winnerOf({ near, far }: GameState): Side | null {
  if (near && near.points >= POINTS_TO_WIN) return "near";
  return far && far.points >= POINTS_TO_WIN ? "far" : null;
}

export const clampPaddle = (x: number): number =>
  Math.min(1 - PADDLE_HALF, Math.max(PADDLE_HALF, x));

/** Where a ball is some time later, off walls and off paddles that stay where they are. */
export function advance(ball: Ball, paddles: Paddles, seconds: number): Ball {
  let now = ball;
  for (let left = seconds; left > 0; left -= STEP_S) {
    now = hit(glide(now, Math.min(STEP_S, left)), paddles);
  }
  return now;
}

/** Whose end the ball has left the table over; null while it is on it. */
export function missedBy({ y }: Ball): Side | null {
  if (y < -RADIUS) return "near";
  return y > LENGTH + RADIUS ? "far" : null;
}

/** A serve from the middle, `slant` being -1..1 across. */
export function serve(toward: Side, slant: number): Ball {
  return aimed(MIDDLE, toward === "near" ? -1 : 1, slant * 0.6, SERVE_SPEED);
}

function glide({ x, y, vx, vy }: Ball, seconds: number): Ball {
  const nextX = x + vx * seconds;
  const nextY = y + vy * seconds;
  if (nextX < RADIUS) return { x: 2 * RADIUS - nextX, y: nextY, vx: Math.abs(vx), vy };
  if (nextX > 1 - RADIUS) return { x: 2 * (1 - RADIUS) - nextX, y: nextY, vx: -Math.abs(vx), vy };
  return { x: nextX, y: nextY, vx, vy };
}

function hit(ball: Ball, paddles: Paddles): Ball {
  const side: Side = ball.vy < 0 ? "near" : "far";
  const depth = side === "near" ? ball.y : LENGTH - ball.y;
  if (ball.vy === 0 || depth > LINE + RADIUS || depth < -RADIUS) return ball;
  const offset = ball.x - paddles[side];
  if (Math.abs(offset) > PADDLE_HALF + RADIUS) return ball;
  const speed = Math.min(TOP_SPEED, Math.hypot(ball.vx, ball.vy) * FASTER_BY);
  return aimed(ball, side === "near" ? 1 : -1, (offset / PADDLE_HALF) * STEEPEST, speed);
}

function aimed({ x, y }: Ball, along: 1 | -1, across: number, speed: number): Ball {
  const length = Math.hypot(1, across);
  return { x, y, vx: (across / length) * speed, vy: (along / length) * speed };
}
