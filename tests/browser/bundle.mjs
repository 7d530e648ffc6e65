// Installs what is missing, bundles one program of this folder and runs it with the arguments of the command line.
import { spawnSync } from "node:child_process";
import { existsSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));

export async function runBundled(entry) {
  install();
  const { build } = await import("esbuild");
  // Below node_modules, so that the bundle finds the packages it does not contain.
  const cache = path.join(here, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const out = await mkdtemp(path.join(cache, "run-"));
  try {
    const common = { bundle: true, target: ["es2022"], logLevel: "warning", absWorkingDir: here };
    // What runs inside the page travels as one script, so that no test needs closures over the wire.
    await build({ ...common, entryPoints: ["src/page/probe.ts"], outfile: path.join(out, "probe.js"), format: "iife" });
    await build({
      ...common,
      entryPoints: [entry],
      outfile: path.join(out, "main.mjs"),
      format: "esm",
      platform: "node",
      sourcemap: "inline",
      external: ["playwright-core", "axe-core"],
      define: {
        __HERE__: JSON.stringify(here),
        __PROBE__: JSON.stringify(path.join(out, "probe.js")),
      },
    });
    const run = spawnSync(process.execPath, ["--enable-source-maps", path.join(out, "main.mjs"), ...process.argv.slice(2)], { stdio: "inherit" });
    process.exitCode = run.status ?? 1;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

function install() {
  const mark = path.join(here, "node_modules/.installed");
  const lock = path.join(here, "package-lock.json");
  if (existsSync(mark) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs) return;
  const done = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  if (done.status !== 0) process.exit(done.status ?? 1);
  writeFileSync(mark, "");
  utimesSync(mark, new Date(), new Date());
}
