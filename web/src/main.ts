import "./ui/tokens.css";
import "./ui/base.css";
import { mount } from "svelte";
import { readStart } from "./app/start.ts";
import { defineCustomClientStrategy } from "./paraglide/runtime.js";
import App from "./ui/App.svelte";

const target = document.getElementById("app");
const start = readStart(document);

if (target && start) {
  // The server chose the language with the page; nothing here asks the browser again.
  defineCustomClientStrategy("custom-document", {
    getLocale: () => start.locale,
    setLocale: () => undefined,
  });
  mount(App, { target, props: { start } });
}
