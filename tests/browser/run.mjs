// Runs the tests. Arguments are parts of test names: only those run.
import { runBundled } from "./bundle.mjs";

await runBundled("src/main.ts");
