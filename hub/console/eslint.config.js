import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "*.mjs", "eslint.config.js", "src/api/schema.ts"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // Numbers in texts and class names are what template literals are for here.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "max-lines": ["error", 350],
      "max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
      "max-params": ["error", 5],
    },
  },
  // In tests a suite is one function, and `test()` returns a promise that the runner awaits by itself.
  { files: ["test/**"], rules: { "max-lines-per-function": "off", "@typescript-eslint/no-floating-promises": "off" } },
);
