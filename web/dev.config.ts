import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";

const NEWS = "dev.json";
const POLL_MS = 200;

/**
 * `make dev` only: a page reloads once a build has replaced the files that it was made of.
 *
 * The page asks a static file, not the server process: that one restarts whenever Python changes,
 * and a page in a call must not reload for it.
 */
export function devReload(): Plugin {
  let folder = "";
  return {
    name: "moim-dev-reload",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    transform(code, id) {
      return /\/src\/(?:main|pages\/[^/]+)\.ts$/.test(id)
        ? { code: code + WATCH, map: null }
        : null;
    },
    async writeBundle(_options, bundle) {
      const names = Object.values(bundle)
        .filter((file) => (file.type === "chunk" ? file.isEntry : file.fileName.endsWith(".css")))
        .map((file) => file.fileName);
      await writeFile(join(folder, NEWS), JSON.stringify(names));
    },
  };
}

/** Reloads when a file that this page has loaded is no longer among those of the newest build. */
const WATCH = `
;(() => {
  const folder = new URL(/* @vite-ignore */ "..", import.meta.url);
  const mine = () =>
    [...document.querySelectorAll("script[src], link[rel=stylesheet]")]
      .map((node) => node.src || node.href)
      .filter((address) => address.startsWith(folder.href))
      .map((address) => address.slice(folder.href.length));
  const watch = async () => {
    try {
      const answer = await fetch(new URL("${NEWS}", folder), { cache: "no-store" });
      const newest = answer.ok ? await answer.json() : undefined;
      if (newest && mine().some((name) => !newest.includes(name))) return location.reload();
    } catch {
      // The server is restarting.
    }
    setTimeout(watch, ${POLL_MS});
  };
  void watch();
})();
`;
