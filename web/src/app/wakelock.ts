/** Keeps the screen on while a call lasts; the system takes the lock when the page is hidden. */
export function keepAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let over = false;

  const take = async (): Promise<void> => {
    if (over || document.hidden || !("wakeLock" in navigator)) return;
    try {
      const taken = await navigator.wakeLock.request("screen");
      if (over) await taken.release();
      else lock = taken;
    } catch {
      // Low battery or a policy: the call goes on, the screen may sleep.
    }
  };
  const seen = (): void => void take();

  document.addEventListener("visibilitychange", seen);
  seen();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", seen);
    void lock?.release();
  };
}
