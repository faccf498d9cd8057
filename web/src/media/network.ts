/**
 * When this machine changed its network: Wi-Fi to mobile, or back from none.
 *
 * `navigator.connection` also fires when an estimate of the speed moves; only another type of
 * network counts. Where it is missing (Firefox, Safari), `online` and the connection's own
 * failing are what there is.
 */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

const SETTLE_MS = 150;

export function watchNetwork(changed: () => void): () => void {
  const connection = (navigator as { connection?: NetworkInformation }).connection;
  let type = connection?.type;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
  };
  const compare = (): void => {
    if (connection?.type === type) return;
    type = connection?.type;
    soon();
  };
  addEventListener("online", soon);
  connection?.addEventListener("change", compare);
  return () => {
    clearTimeout(timer);
    removeEventListener("online", soon);
    connection?.removeEventListener("change", compare);
  };
}
