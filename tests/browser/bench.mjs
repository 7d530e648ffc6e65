// Measures in Chromium and writes target/bench/browser.json. `--quick`: few repetitions; `--only PART`: some sections;
// `--out FILE`: another file.
import { runBundled } from "./bundle.mjs";

await runBundled("src/bench.ts");
