/** Soft sounds made on the spot, so that no file is loaded: two notes each, under 0.3 s. */

export type Sound = "join" | "leave" | "hand" | "recording";

/** Hz, one after the other. Up for coming, down for going. */
const NOTES: Readonly<Record<Sound, readonly number[]>> = {
  join: [523.25, 659.25],
  leave: [659.25, 523.25],
  hand: [783.99, 987.77],
  recording: [880, 880],
};
const GAP_S: Readonly<Record<Sound, number>> = {
  join: 0.09,
  leave: 0.09,
  hand: 0.08,
  recording: 0.16,
};
const PEAK: Readonly<Record<Sound, number>> = {
  join: 0.06,
  leave: 0.05,
  hand: 0.06,
  recording: 0.06,
};

/** Above this many people the sounds of coming and going would be noise. */
export const SOUNDS_UP_TO = 8;

export function play(context: AudioContext, out: AudioNode, sound: Sound): number {
  const start = context.currentTime + 0.02;
  NOTES[sound].forEach((frequency, index) => {
    const at = start + index * GAP_S[sound];
    const tone = new OscillatorNode(context, { type: "sine", frequency });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(PEAK[sound], at + 0.015);
    loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.32);
    tone.connect(loudness).connect(out);
    tone.start(at);
    tone.stop(at + 0.34);
  });
  return NOTES[sound].length * GAP_S[sound] + 0.34;
}
