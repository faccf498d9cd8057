import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const ROOT = fileURLToPath(new URL("./node_modules/", import.meta.url));
/** Its runtime is compiled into our own sources, where no bundler sees where it came from. */
const COMPILED_IN = ["@inlang/paraglide-js"];

interface Manifest {
  name: string;
  version: string;
  license?: string;
  dependencies?: Record<string, string>;
}

/** Writes `licenses.txt`: every npm package of which something is in the built client. */
export function licenses(): Plugin {
  return {
    name: "moim-licenses",
    apply: "build",
    generateBundle(_options, bundle) {
      const names = new Set([...COMPILED_IN, ...direct()]);
      for (const output of Object.values(bundle)) {
        if (output.type !== "chunk") continue;
        for (const id of output.moduleIds) {
          const name = packageOf(id);
          if (name !== undefined) names.add(name);
        }
      }
      const source = [...names]
        .sort()
        .map(entry)
        .join(`\n${"-".repeat(72)}\n\n`);
      this.emitFile({ type: "asset", fileName: "licenses.txt", source });
    },
  };
}

/** What package.json names: style sheets are merged before any chunk tells of them. */
function direct(): string[] {
  const own = fileURLToPath(new URL("./package.json", import.meta.url));
  return Object.keys((JSON.parse(readFileSync(own, "utf8")) as Manifest).dependencies ?? {});
}

function packageOf(id: string): string | undefined {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll("\\", "/"))?.[1];
}

function entry(name: string): string {
  const folder = join(ROOT, name);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  const file = readdirSync(folder).find((found) => /^(licen[cs]e|copying)/i.test(found));
  const text = file === undefined ? "" : `\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  return `${manifest.name} ${manifest.version} (${manifest.license ?? "see text"})\n${text}`;
}
