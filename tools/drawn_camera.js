// A camera for pictures of moim: somebody drawn in front of a wall, who nods a little.
(hue) => {
  const draw = (canvas) => {
    const context = canvas.getContext("2d");
    const { width, height } = canvas;
    const nod = Math.sin(performance.now() / 900) * height * 0.008;
    const wall = context.createLinearGradient(0, 0, width, height);
    wall.addColorStop(0, `oklch(0.62 0.06 ${hue})`);
    wall.addColorStop(1, `oklch(0.38 0.05 ${hue + 30})`);
    context.fillStyle = wall;
    context.fillRect(0, 0, width, height);
    context.fillStyle = `oklch(0.5 0.11 ${hue + 150})`;
    context.beginPath();
    context.ellipse(width / 2, height * 1.08, height * 0.42, height * 0.4, 0, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = "oklch(0.8 0.07 60)";
    context.beginPath();
    context.ellipse(width / 2, height * 0.47 + nod, height * 0.16, height * 0.2, 0, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = `oklch(0.28 0.03 ${hue})`;
    context.beginPath();
    context.ellipse(width / 2, height * 0.36 + nod, height * 0.175, height * 0.13, 0, Math.PI, 0);
    context.fill();
  };
  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = new MediaStream();
    if (wish.video) {
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 360;
      draw(canvas);
      setInterval(draw, 100, canvas);
      stream.addTrack(canvas.captureStream(10).getVideoTracks()[0]);
    }
    if (wish.audio) {
      const context = new AudioContext();
      const sink = context.createMediaStreamDestination();
      const quiet = new GainNode(context, { gain: 0.001 });
      const hum = new OscillatorNode(context);
      hum.connect(quiet).connect(sink);
      hum.start();
      stream.addTrack(sink.stream.getAudioTracks()[0]);
    }
    return stream;
  };
};
