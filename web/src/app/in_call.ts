/** What is loaded once the pre-join page stands: the call and its screen. */
export { Call } from "./call.svelte.ts";
export { default as CallView } from "../ui/call/CallView.svelte";
