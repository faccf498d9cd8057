/* What a mini-app is given: one global, `moim`. Stands before everything else in its frame. */
"use strict";
(() => {
  // No app has a way of its own into the network.
  for (const way of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) {
    delete window[way];
  }

  const waiting = new Map();
  const handlers = new Map();
  let next = 1;
  let open;
  const port = new Promise((resolve) => (open = resolve));

  addEventListener("message", function hello(event) {
    if (event.source !== parent || event.data !== "moim" || !event.ports[0]) return;
    removeEventListener("message", hello);
    event.stopImmediatePropagation();
    const [ours] = event.ports;
    ours.onmessage = ({ data }) => heard(JSON.parse(data));
    open(ours);
  });

  function heard(said) {
    if (said.event === undefined) {
      const { resolve, reject } = waiting.get(said.id) ?? {};
      waiting.delete(said.id);
      if (said.code === undefined) resolve?.(said.result);
      else reject?.(Object.assign(new Error(said.code), { code: said.code }));
      return;
    }
    if (said.event === "look") look(said.data);
    for (const handler of handlers.get(said.event) ?? []) handler(said.data);
  }

  function look({ theme, locale }) {
    document.documentElement.lang = locale;
    document.documentElement.dataset.theme = theme;
    document.documentElement.style.colorScheme = theme;
  }

  async function ask(call, ...given) {
    const id = next++;
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    (await port).postMessage(JSON.stringify({ id, call, given }));
    return answer;
  }

  window.moim = Object.freeze({
    me: () => ask("me"),
    people: () => ask("people"),
    state: () => ask("state"),
    storage: (key, value) => ask("storage", key, value ?? null),
    broadcast: (data) => ask("broadcast", data),
    send: (to, data) => ask("send", to, data),
    sendUnreliable: (data, to) => ask("sendUnreliable", data, to ?? null),
    resize: (height) => ask("resize", height),
    on(event, handler) {
      if (!handlers.has(event)) handlers.set(event, new Set());
      handlers.get(event).add(handler);
      return () => handlers.get(event).delete(handler);
    },
  });

  // The app hears how it should look before it asks for anything.
  void ask("me").then(({ theme, locale }) => look({ theme, locale }));
})();
