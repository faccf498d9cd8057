// Two parts: `before` runs in each page before its program and gives it a clock for a camera and a
// tone for a microphone; `watch` looks and listens for the longest pause of one other person.
({
  before: `(() => {
    const TONE_HZ = 1000, FPS = 20;
    const devices = navigator.mediaDevices;
    const picture = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
      const pen = canvas.getContext("2d");
      let n = 0;
      setInterval(() => {
        pen.fillStyle = "hsl(" + ((n += 7) % 360) + " 80% 50%)";
        pen.fillRect(0, 0, 320, 180);
        pen.fillStyle = "white";
        pen.fillRect((n * 3) % 320, 60, 40, 40);
      }, 1000 / FPS);
      return canvas.captureStream(FPS).getVideoTracks();
    };
    const sound = () => {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: TONE_HZ });
      const out = new MediaStreamAudioDestinationNode(context);
      tone.connect(new GainNode(context, { gain: 0.5 })).connect(out);
      tone.start();
      return out.stream.getAudioTracks();
    };
    devices.getUserMedia = async ({ audio, video } = {}) =>
      new MediaStream([...(audio ? sound() : []), ...(video ? picture() : [])]);
  })();`,
  watch: (identity) => {
    const TONE_HZ = 1000;
    const FFT = 1024;
    const AUDIBLE_DB = -60;
    const gaps = { picture: 0, sound: 0 };
    const last = { picture: performance.now(), sound: performance.now() };
    const seen = (what) => {
      const now = performance.now();
      gaps[what] = Math.max(gaps[what], now - last[what]);
      last[what] = now;
    };
    const videos = new WeakSet();
    const look = () => {
      const video = document.querySelector(
        `[data-testid=tile][data-identity="${identity}"][data-source=camera] video`,
      );
      if (video && !videos.has(video)) {
        videos.add(video);
        const frame = () => {
          seen("picture");
          video.requestVideoFrameCallback(frame);
        };
        video.requestVideoFrameCallback(frame);
      }
    };
    const context = new AudioContext();
    const ears = new Map();
    const trackOf = (element) => element.srcObject?.getAudioTracks()[0];
    const listen = () => {
      for (const element of document.querySelectorAll("audio")) {
        const track = trackOf(element);
        if (!track || element.muted || ears.has(track)) continue;
        const mediaStream = new MediaStream([track]);
        const source = new MediaStreamAudioSourceNode(context, { mediaStream });
        const ear = new AnalyserNode(context, { fftSize: FFT, smoothingTimeConstant: 0 });
        source.connect(ear);
        ears.set(track, { ear, source });
      }
      const playing = new Set([...document.querySelectorAll("audio")].map(trackOf));
      const bins = new Float32Array(FFT / 2);
      const bin = Math.round((TONE_HZ / context.sampleRate) * FFT);
      for (const [track, { ear, source }] of ears) {
        if (!playing.has(track)) {
          source.disconnect();
          ears.delete(track);
          continue;
        }
        ear.getFloatFrequencyData(bins);
        if (bins[bin] > AUDIBLE_DB) {
          seen("sound");
          return;
        }
      }
    };
    setInterval(() => {
      look();
      listen();
    }, 5);
    window.handover = {
      reset: () => {
        gaps.picture = gaps.sound = 0;
        last.picture = last.sound = performance.now();
      },
      gaps: () => {
        seen("picture"), seen("sound");
        return { ...gaps };
      },
    };
  },
});
