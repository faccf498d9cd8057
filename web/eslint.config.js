import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

const OLD_STREAMS = "addStream is gone from the standard: use addTrack and the track event.";

/** The interface before tracks, however it is reached. */
const oldStreams = ["addStream", "removeStream", "onaddstream", "onremovestream"].flatMap(
  (name) => [
    { selector: `MemberExpression[property.name='${name}']`, message: OLD_STREAMS },
    { selector: `MemberExpression[property.value='${name}']`, message: OLD_STREAMS },
  ],
);

export default ts.config(
  {
    ignores: [
      "node_modules",
      "src/paraglide",
      "src/wire/types.gen.ts",
      "project.inlang",
      ".svelte-check",
    ],
  },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  ...svelte.configs.prettier,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      "no-undef": "off", // TypeScript knows better
      eqeqeq: "error",
      "no-alert": "error",
      "no-console": "error",
      "no-eval": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      "no-restricted-syntax": [
        "error",
        ...oldStreams,
        {
          selector:
            "CallExpression[callee.property.name='addEventListener'] > Literal.arguments:first-child[value=/^(add|remove)stream$/]",
          message: OLD_STREAMS,
        },
      ],
      "svelte/no-at-html-tags": "error",
      // A Map or Set that no view reads is better plain; svelte-check cannot tell, nor can this.
      "svelte/prefer-svelte-reactivity": "off",
      "svelte/no-navigation-without-resolve": "off", // a rule for SvelteKit
    },
  },
  {
    // A feature is one folder: what two of them need belongs in app, ui or meeting.
    files: ["src/features/*/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              regex: "(^|/)features/|^\\.\\./(?!\\.\\.)",
              message: "features/* never import each other.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: {
      parserOptions: {
        parser: ts.parser,
        extraFileExtensions: [".svelte"],
        // Of our svelte.config.js only this matters here, and a cache can hold no functions.
        svelteConfig: { compilerOptions: { runes: true } },
      },
    },
  },
  {
    files: ["*.config.{js,ts}"],
    languageOptions: { globals: { ...globals.node } },
  },
);
