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

const outputs = Object.keys(app.metafile.outputs).map((file) => path.relative(dist, path.join(here, file)));
const script = outputs.find((file) => file.endsWith(".js"));
const style = outputs.find((file) => file.endsWith(".css"));
const icon = await readFile(path.join(here, "src/style/icon.svg"), "utf8");
await writeFile(path.join(dist, "assets/icon.svg"), icon);

const template = await readFile(path.join(here, "src/index.html"), "utf8");
await writeFile(path.join(dist, "index.html"), template.replace("%SCRIPT%", script).replace("%STYLE%", style));

const sizes = {};
for (const file of await files(dist)) {
  const packed = gzipSync(await readFile(file), { level: 9 });
  await writeFile(`${file}.gz`, packed);
  const name = path.relative(dist, file);
  sizes[name] = { bytes: (await stat(file)).size, gzip: packed.length };
}
check("app", script);
check("style", style);
check("player", `player-${version}.js`);
check("hls", hls);
await rm(path.join(here, "dist"), { recursive: true, force: true });
await rename(dist, path.join(here, "dist"));

function check(what, name) {
  const { gzip, bytes } = sizes[name];
  console.log(`console: ${name} ${bytes} B, ${gzip} B gzipped (budget ${BUDGET[what]} B)`);
  if (gzip > BUDGET[what]) {
    console.error(`console: ${name} is over its budget`);
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
