import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import browserslistToEsbuild from "browserslist-to-esbuild";
import { defineConfig } from "vitest/config";
import { devReload } from "./dev.config.ts";
import { licenses } from "./licenses.config.ts";
import { messages } from "./messages.config.ts";
import { precompress } from "./precompress.config.ts";
import { remember } from "./remember.config.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * The room page's program, and one entry for each style or script of the server-rendered pages
 * (`src/pages/*`). The server finds their hashed names in `.vite/manifest.json`.
 */
const pages = existsSync(here("src/pages")) ? readdirSync(here("src/pages")).sort() : [];
const entries = [
  "src/main.ts",
  ...pages.filter((name) => /\.(?:ts|css)$/.test(name)).map((name) => `src/pages/${name}`),
];

export default defineConfig(({ mode }) => ({
  // Relative addresses: moim works under any sub-path without a second build.
  base: "./",
  publicDir: false,
  plugins:
    mode === "production"
      ? [messages(), svelte(), licenses(), precompress()]
      : [messages(), remember(svelte()), licenses(), devReload()],
  build: {
    outDir: here("../src/moim/http/static/app"),
    // While watching, a page may still load the files of the build before this one.
    emptyOutDir: mode === "production",
    manifest: true,
    target: browserslistToEsbuild(undefined, { path: here(".") }),
    // A data: address would be refused by the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: mode !== "production",
    minify: mode === "production",
    rolldownOptions: {
      input: entries.map(here),
    },
  },
  // Vitest would otherwise load Svelte's server build.
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  test: {
    include: ["tests/**/*.test.ts", "src/**/*.test.ts"],
    environment: "node",
    // One worker for many files: most of the time would be spent on starting others.
    isolate: false,
    passWithNoTests: true,
    restoreMocks: true,
    unstubGlobals: true,
  },
}));
