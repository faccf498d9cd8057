/** How the server is reached: by a WebSocket, or only by requests. */
export type ServerWay = "websocket" | "polling" | "away";

const PATIENCE_MS = 4_000;
/** What Engine.IO says first on a connection. Source: Engine.IO protocol 4, "open". */
const OPEN = "0";

/** Opens the socket that a call would use, hears its first word, and closes it. */
export async function tryServer(base: string, signal: AbortSignal): Promise<ServerWay> {
  if (await speaks(`${base}/socket.io/?EIO=4&transport=websocket`, signal)) return "websocket";
  const answer = await fetch(`${base}/livez`, { cache: "no-store", signal }).catch(() => null);
  return answer?.ok === true ? "polling" : "away";
}

function speaks(path: string, signal: AbortSignal): Promise<boolean> {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return new Promise((resolve) => {
    const socket = new WebSocket(address);
    const late = setTimeout(() => end(false), PATIENCE_MS);
    const end = (spoke: boolean): void => {
      clearTimeout(late);
      socket.close();
      resolve(spoke);
    };
    socket.onmessage = ({ data }) => end(typeof data === "string" && data.startsWith(OPEN));
    socket.onerror = () => end(false);
    socket.onclose = () => end(false);
    signal.addEventListener("abort", () => end(false), { once: true });
  });
}
