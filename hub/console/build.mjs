// Builds dist/: hashed assets, index.html, the versioned player module, hls.js apart, and a .gz beside each of them.
import { build } from "esbuild";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
// Made beside dist and put in its place at the end: whoever embeds dist meanwhile finds a whole one.
const dist = path.join(here, ".dist-new");
const { version } = JSON.parse(await readFile(path.join(here, "package.json"), "utf8"));

/** What a first visit may cost on the wire, in bytes after gzip; raising one is a decision, not a slip. */
const BUDGET = { app: 32 * 1024, style: 8 * 1024, player: 12 * 1024, hls: 192 * 1024 };
/** What any page that is fetched when it is opened may cost beside that. */
const LATER = 24 * 1024;

const common = { bundle: true, minify: true, target: ["es2022"], logLevel: "warning", legalComments: "none" };

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, "assets"), { recursive: true });

// One script for both who may need it; the name begins with `player-`, which other dashboards' pages may fetch.
const library = await build({
  ...common,
  entryPoints: { "player-hls": path.join(here, "src/player/hls_library.ts") },
  outdir: dist,
  entryNames: "[name]-[hash]",
  format: "esm",
  banner: { js: "/*! hls.js, Apache-2.0, https://github.com/video-dev/hls.js */" },
  metafile: true,
  absWorkingDir: here,
});
const [hls] = Object.keys(library.metafile.outputs).map((file) => path.basename(file));

/** Leaves hls.js out of a bundle, to be fetched from `folder` when it is needed. */
const apart = (folder) => ({
  name: "hls-apart",
  setup: ({ onResolve }) => { onResolve({ filter: /\/hls_library\.ts$/ }, () => ({ path: folder + hls, external: true })); },
});

const app = await build({
  ...common,
  entryPoints: { app: path.join(here, "src/main.ts"), style: path.join(here, "src/style/main.css") },
  outdir: path.join(dist, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  // Pages behind an import() become scripts of their own, fetched when they are opened.
  splitting: true,
  format: "esm",
  metafile: true,
  absWorkingDir: here,
  plugins: [apart("../")],
});

await build({
  ...common,
  entryPoints: [path.join(here, "src/player/index.ts")],
  outfile: path.join(dist, `player-${version}.js`),
  format: "esm",
  plugins: [apart("./")],
});

const outputs = Object.entries(app.metafile.outputs).map(([file, { entryPoint, imports }]) => ({ name: path.relative(dist, path.join(here, file)), entryPoint, imports }));
const script = outputs.find(({ name, entryPoint }) => entryPoint !== undefined && path.basename(name).startsWith("app-") && name.endsWith(".js"));
const style = outputs.find(({ name }) => name.endsWith(".css")).name;
const first = firstVisit(script);
const later = outputs.filter((output) => output.name.endsWith(".js") && !first.includes(output));
const icon = await readFile(path.join(here, "src/style/icon.svg"), "utf8");
await writeFile(path.join(dist, "assets/icon.svg"), icon);

const template = await readFile(path.join(here, "src/index.html"), "utf8");
await writeFile(path.join(dist, "index.html"), template.replace("%SCRIPT%", script.name).replace("%STYLE%", style).replace("%PRELOAD%", preloads()));

const sizes = {};
for (const file of await files(dist)) {
  const packed = gzipSync(await readFile(file), { level: 9 });
  await writeFile(`${file}.gz`, packed);
  const name = path.relative(dist, file);
  sizes[name] = { bytes: (await stat(file)).size, gzip: packed.length };
}
check(first.map(({ name }) => name), BUDGET.app);
for (const { name } of later) check([name], LATER);
check([style], BUDGET.style);
check([`player-${version}.js`], BUDGET.player);
check([hls], BUDGET.hls);
await rm(path.join(here, "dist"), { recursive: true, force: true });
await rename(dist, path.join(here, "dist"));

/** A script and all that it cannot start without. */
function firstVisit(output, seen = []) {
  if (output === undefined || seen.includes(output)) return seen;
  seen.push(output);
  for (const { path: file, kind } of output.imports) {
    if (kind === "import-statement") firstVisit(outputs.find(({ name }) => name === path.relative(dist, path.join(here, file))), seen);
  }
  return seen;
}

/** What the first script imports is fetched beside it, not after it. */
function preloads() {
  return first.slice(1).map(({ name }) => `<link rel="modulepreload" href="${name}">\n`).join("");
}

function check(names, budget) {
  const bytes = names.reduce((sum, name) => sum + sizes[name].bytes, 0);
  const gzip = names.reduce((sum, name) => sum + sizes[name].gzip, 0);
  console.log(`console: ${names.join(" + ")} ${bytes} B, ${gzip} B gzipped (budget ${budget} B)`);
  if (gzip > budget) {
    console.error(`console: ${names.join(" + ")} is over its budget`);
    process.exitCode = 1;
  }
}

async function files(dir) {
  const entries = await readdir(dir, { withFileTypes: true });
  const nested = entries.map((entry) => {
    const full = path.join(dir, entry.name);
    return entry.isDirectory() ? files(full) : [full];
  });
  return (await Promise.all(nested)).flat();
}
