/*
 * Evaluated in both pages by bench/data.py: a bare data channel between the two, to compare with.
 * Nothing of moim is in it.
 */
(() => {
  const MESSAGE_BYTES = 64 * 1024;
  const HIGH_BYTES = 1024 * 1024;
  let pc, bytes, words;

  const settled = () =>
    new Promise((resolve) => {
      if (pc.iceGatheringState === "complete") resolve();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
    });
  const opened = (channel) =>
    channel.readyState === "open" ? null : new Promise((resolve) => (channel.onopen = resolve));
  const clock = () => performance.timeOrigin + performance.now();

  window.bench = {
    make() {
      pc = new RTCPeerConnection();
      bytes = pc.createDataChannel("bytes", { negotiated: true, id: 0 });
      words = pc.createDataChannel("words", { negotiated: true, id: 1 });
      bytes.binaryType = "arraybuffer";
      bytes.bufferedAmountLowThreshold = HIGH_BYTES / 4;
    },
    async describe(remote) {
      if (remote) await pc.setRemoteDescription(remote);
      await pc.setLocalDescription();
      await settled();
      return { type: pc.localDescription.type, sdp: pc.localDescription.sdp };
    },
    accept: (remote) => pc.setRemoteDescription(remote),
    ready: () => Promise.all([opened(bytes), opened(words)]),

    /** Megabytes a second of a bare channel, as its receiver sees them. */
    receive(total) {
      return new Promise((resolve) => {
        let got = 0;
        let begun = 0;
        bytes.onmessage = ({ data }) => {
          begun ||= performance.now();
          got += data.byteLength;
          if (got < total) return;
          bytes.onmessage = null;
          resolve(got / 1000 / (performance.now() - begun));
        };
      });
    },
    async send(total) {
      const message = crypto.getRandomValues(new Uint8Array(MESSAGE_BYTES));
      for (let sent = 0; sent < total; sent += MESSAGE_BYTES) {
        if (bytes.bufferedAmount >= HIGH_BYTES) {
          await new Promise((resolve) => (bytes.onbufferedamountlow = resolve));
        }
        bytes.send(message);
      }
    },

    /** Milliseconds of messages of 100 bytes over a data channel, one way, on one machine's clock. */
    hear(count) {
      return new Promise((resolve) => {
        const took = [];
        words.onmessage = ({ data }) => {
          took.push(clock() - Number(data.slice(0, 20)));
          if (took.length === count) resolve(took);
        };
      });
    },
    async say(count, every_ms) {
      for (let n = 0; n < count; n += 1) {
        words.send(String(clock()).padEnd(20, "0").slice(0, 20).padEnd(100, "."));
        await new Promise((resolve) => setTimeout(resolve, every_ms));
      }
    },

    /** The same as messages of a chat, through the server and its journal. */
    async sit(address, name) {
      const socket = new WebSocket(address);
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      const joined = new Promise((resolve) => {
        socket.onmessage = ({ data }) => JSON.parse(data).ack === "join" && resolve();
      });
      const data = { name, tab: `bench-${name}` };
      socket.send(JSON.stringify({ id: "join", command: "participant.join", data }));
      await joined;
      this.socket = socket;
    },
    listen(count) {
      return new Promise((resolve) => {
        const took = [];
        this.socket.onmessage = ({ data }) => {
          const { event, data: frame } = JSON.parse(data);
          if (event !== "chat.sent") return;
          took.push(clock() - Number(frame.payload.text.slice(0, 20)));
          if (took.length === count) resolve(took);
        };
      });
    },
    async write(count, every_ms) {
      for (let n = 0; n < count; n += 1) {
        const text = String(clock()).padEnd(20, "0").slice(0, 20).padEnd(100, ".");
        this.socket.send(JSON.stringify({ id: `w${n}`, command: "chat.send", data: { text } }));
        await new Promise((resolve) => setTimeout(resolve, every_ms));
      }
    },

    /** Megabytes a second of a file through moim, from "Get it" until it is checked and on the disk. */
    async file(size) {
      const find = () => document.querySelector("[data-testid=file-received]");
      const until = async (state) => {
        while (find()?.dataset.state !== state) {
          if (find()?.dataset.state === "failed") throw new Error("it failed");
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      };
      await until("offered");
      const begun = performance.now();
      document.querySelector("[data-testid=file-accept]").click();
      await until("done");
      return size / 1000 / (performance.now() - begun);
    },
  };
})();
