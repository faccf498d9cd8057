import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Bundles the scenarios into one script for a page of a real browser. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  publicDir: false,
  logLevel: "warn",
  build: {
    target: "es2022",
    minify: false,
    lib: {
      entry: fileURLToPath(new URL("scenarios.ts", import.meta.url)),
      formats: ["iife"],
      name: "scenarios",
      fileName: () => "harness.js",
    },
  },
});
