import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

const root = process.env.SLUICE_CONSOLE_ROOT ?? ".";
const dist = path.join(root, "dist");

test("no source file speaks of any", () => {
  const files = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  for (const name of files) assert.doesNotMatch(readFileSync(path.join(root, "src", name), "utf8"), /:\s*any\b|as any\b|<any>/, name);
});

test("what was built is within its budget and packed", { skip: existsSync(dist) ? false : "not built" }, () => {
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => /\.(js|css|html|svg)$/.test(name));
  assert.ok(files.length >= 5);
  for (const name of files) assert.ok(existsSync(path.join(dist, `${name}.gz`)), `${name} is precompressed`);
  // What the page names is fetched at once; the rest when it is opened.
  const page = readFileSync(path.join(dist, "index.html"), "utf8");
  const named = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name ?? "");
  assert.ok(named.length >= 3, page);
  const total = ["index.html", ...named].reduce((sum, name) => sum + readFileSync(path.join(dist, `${name}.gz`)).length, 0);
  assert.ok(total <= 40 * 1024, `a first visit costs ${total} B`);
});
