/**
 * Parts of the program that are loaded when they are needed, over a line that may be gone just then.
 *
 * Vite adds a part's stylesheets to the page once. One that did not come is not asked for again, and
 * the next try would bring the part without its looks: here it is.
 */
const lost = new Set<HTMLLinkElement>();

addEventListener(
  "error",
  ({ target }) => {
    if (target instanceof HTMLLinkElement && target.rel === "stylesheet") lost.add(target);
  },
  // Such an event goes to the element alone, and is seen on its way there.
  true,
);

/** @throws what the browser does where a part cannot be had now; it may be asked for again. */
export async function loadPart<T>(load: () => Promise<T>): Promise<T> {
  const part = await load();
  await Promise.all([...lost].map(loadAgain));
  return part;
}

function loadAgain(link: HTMLLinkElement): Promise<void> {
  const fresh = link.cloneNode() as HTMLLinkElement;
  return new Promise((resolve, reject) => {
    fresh.onload = () => resolve();
    fresh.onerror = () => reject(new TypeError(`no ${fresh.href}`));
    lost.delete(link);
    link.replaceWith(fresh);
  });
}
