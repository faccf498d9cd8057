import { execFile } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OUTPUT = here("./src/paraglide/messages.js");

function inputs(): string[] {
  const catalogues = readdirSync(here("./messages")).map((name) => here(`./messages/${name}`));
  return [here("./project.inlang/settings.json"), here("./package.json"), ...catalogues];
}

function isStale(): boolean {
  if (!existsSync(OUTPUT)) return true;
  const made = statSync(OUTPUT).mtimeMs;
  return inputs().some((path) => statSync(path).mtimeMs > made);
}

async function compile(): Promise<void> {
  const run = here("./node_modules/@inlang/paraglide-js/bin/run.js");
  const options = ["--project", "./project.inlang", "--outdir", "./src/paraglide"];
  await promisify(execFile)(
    process.execPath,
    [run, "compile", ...options, "--strategy", "custom-document", "baseLocale"],
    { cwd: here(".") },
  );
}

/**
 * Compiles the message catalogues into typed functions whenever they are newer than their result.
 *
 * The compiler runs as a process of its own: its bundler plugin (2.25, November 2026) keeps a
 * worker alive that holds up the end of every build and test run by ten seconds and more.
 */
export function messages(): Plugin {
  return {
    name: "moim-messages",
    async buildStart() {
      for (const path of inputs()) this.addWatchFile(path);
      if (isStale()) await compile();
    },
  };
}
