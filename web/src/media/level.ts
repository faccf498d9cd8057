/**
 * How loud a microphone is, for meters and for noticing a voice; and the test sound.
 *
 * Browsers allow few AudioContexts and each costs a thread: there is one, it exists while somebody
 * needs it, and a hidden meter costs nothing.
 */

/** Often enough to look alive, seldom enough not to be felt by a laptop's fan. */
const METER_HZ = 15;

let context: AudioContext | null = null;
let users = 0;

/** The one AudioContext; each `borrow` is paid back by its `release`. */
export function borrowContext(): { context: AudioContext; release: () => void } {
  context ??= new AudioContext({ latencyHint: "interactive" });
  users += 1;
  const borrowed = context;
  // Without a touch of the page it stays suspended: a meter then shows silence until one comes.
  if (borrowed.state === "suspended") void borrowed.resume().catch(() => undefined);
  let released = false;
  return {
    context: borrowed,
    release: () => {
      if (released) return;
      released = true;
      users -= 1;
      if (users > 0) return;
      context = null;
      void borrowed.close().catch(() => undefined);
    },
  };
}

/** To be called by a tap: lets meters run that the browser kept suspended. */
export async function resumeContext(): Promise<void> {
  if (context !== null && context.state !== "running") await context.resume();
}

/** The loudness of a block of samples, 0..1 (root mean square). */
export function loudness(samples: Float32Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.min(1, Math.sqrt(sum / samples.length));
}

/** 0..1 as the ear has it, for drawing: -60 dB is the left end of a meter, 0 dB its right. */
export function meterPosition(level: number): number {
  if (level <= 0) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(level)) / 60));
}

/**
 * Calls back some fifteen times a second with the loudness of this track, until stopped.
 *
 * It listens to a clone: muting the track that is sent (`enabled = false`) would silence the meter
 * too, and nobody could be told that they talk while muted. The clone holds the device: stop the
 * meter to let the microphone's light go out.
 */
export function meter(track: MediaStreamTrack, onLevel: (level: number) => void): () => void {
  const { context: audio, release } = borrowContext();
  const clone = track.clone();
  clone.enabled = true;
  const source = audio.createMediaStreamSource(new MediaStream([clone]));
  const analyser = audio.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(loudness(samples));
  }, 1000 / METER_HZ);
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    source.disconnect();
    clone.stop();
    release();
  };
}

/** Three soft tones to find out which speaker it is. Resolves when they have faded. */
export async function playTestSound(sinkId = ""): Promise<void> {
  const { context: audio, release } = borrowContext();
  const out = audio.createMediaStreamDestination();
  // Through an element, because only elements have an output device everywhere.
  const element = new Audio();
  element.srcObject = out.stream;
  try {
    if (sinkId !== "" && "setSinkId" in element) {
      await element.setSinkId(sinkId).catch(() => undefined);
    }
    await audio.resume();
    await element.play();
    const begin_s = audio.currentTime + 0.05;
    const notes = [523.25, 659.25, 783.99];
    const ended = notes.map(
      (frequency_hz, index) =>
        new Promise<void>((resolve) => {
          const at_s = begin_s + index * 0.18;
          const tone = audio.createOscillator();
          const loud = audio.createGain();
          tone.frequency.value = frequency_hz;
          loud.gain.setValueAtTime(0, at_s);
          loud.gain.linearRampToValueAtTime(0.2, at_s + 0.02);
          loud.gain.exponentialRampToValueAtTime(0.001, at_s + 0.5);
          tone.connect(loud).connect(out);
          tone.start(at_s);
          tone.stop(at_s + 0.55);
          tone.onended = () => {
            loud.disconnect();
            resolve();
          };
        }),
    );
    await Promise.all(ended);
  } finally {
    element.srcObject = null;
    release();
  }
}
