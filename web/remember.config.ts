import type { Plugin } from "vite";

/**
 * `make dev` only: a file that has not changed is not compiled again by these plugins.
 *
 * A watching build transforms all modules anew for each saved file, and compiling Svelte is most of
 * that: with this, a rebuild takes a third of the time. What these plugins answer depends on the
 * file alone; the styles of a component stay in the compiler's own memory.
 */
export function remember(plugins: Plugin[]): Plugin[] {
  for (const { transform } of plugins) {
    if (typeof transform !== "object") continue;
    // In place, not in a copy: the plugins set their filters when the configuration is known.
    const compile = transform.handler;
    const known = new Map<string, { code: string; answer: ReturnType<typeof compile> }>();
    transform.handler = function (code, id, options) {
      const last = known.get(id);
      if (last?.code === code) return last.answer;
      const answer = compile.call(this, code, id, options);
      known.set(id, { code, answer });
      return answer;
    };
  }
  return plugins;
}
