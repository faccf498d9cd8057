/**
 * Puts a text into the clipboard, by a click; false when the browser lets nobody do that.
 *
 * A page that is not secure has no `navigator.clipboard`, and its people read and write all the same:
 * there the older way is left, which every browser still has. Source: W3C Clipboard APIs.
 */
export async function copyText(text: string): Promise<boolean> {
  const { clipboard } = navigator as { clipboard?: Clipboard };
  if (!clipboard) return copyByEvent(text);
  return clipboard.writeText(text).then(
    () => true,
    () => copyByEvent(text),
  );
}

function copyByEvent(text: string): boolean {
  let copied = false;
  const give = (event: ClipboardEvent): void => {
    event.preventDefault();
    event.stopImmediatePropagation();
    event.clipboardData?.setData("text/plain", text);
    copied = event.clipboardData !== null;
  };
  document.addEventListener("copy", give, { capture: true });
  document.execCommand("copy");
  document.removeEventListener("copy", give, { capture: true });
  return copied;
}
