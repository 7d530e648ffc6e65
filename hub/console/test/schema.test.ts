import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

const root = process.env.SLUICE_CONSOLE_ROOT ?? ".";
const target = path.join(root, "src/api/schema.ts");

/** What of JSON Schema the hub's OpenAPI document uses. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
}

const SCALARS: Readonly<Record<string, string>> = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "unknown";
  if (schema.oneOf) return schema.oneOf.map((one) => typeOf(one, indent)).join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => `(${typeOf(one, indent)})`).join(" & ");
  if (schema.properties) return object(schema, indent);
  if (schema.type === "array") {
    const items = typeOf(schema.items ?? {}, indent);
    return items.includes(" ") ? `readonly (${items})[]` : `readonly ${items}[]`;
  }
  const types = typeof schema.type === "string" ? [schema.type] : (schema.type ?? []);
  return types.map((type) => SCALARS[type] ?? "unknown").join(" | ") || "unknown";
}

function object(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(schema.properties ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    return `${comment(field.description, inner)}${inner}readonly ${name}${optional}: ${typeOf(field, inner)};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? "" : `${indent}/** ${text.replace(/\s+/g, " ")} */\n`;
}

/** What the console and the player read and write; what these are made of comes along. */
const ROOTS = [
  "Accept", "Accepts", "AddCamera", "AddCredential", "Advices", "Applied", "Apply", "Attempts", "Beacon", "CameraNow", "ChangeCamera", "ChangeSite", "Credentials", "DeviceNow", "Discoveries", "Ignore", "Login",
  "Me", "Move", "Play", "PlayAnswer", "Presets", "Problem", "Search", "Session", "SessionIds", "SessionItems", "SessionsNow", "SiteNow", "Time", "Try", "Undo",
];

function reachable(schemas: Readonly<Record<string, Schema>>): ReadonlySet<string> {
  const names = new Set(ROOTS);
  for (const name of names) {
    const text = JSON.stringify(schemas[name] ?? assert.fail(`the document has no ${name} any more`));
    for (const [, used] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) if (used !== undefined) names.add(used);
  }
  return names;
}

/** The TypeScript of the schemas in use. */
function generate(schemas: Readonly<Record<string, Schema>>): string {
  const names = reachable(schemas);
  const types = Object.entries(schemas).filter(([name]) => names.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  const texts = types.map(([name, schema]) => `${comment(schema.description, "")}export type ${name} = ${typeOf(schema, "")};\n`);
  return `// Made from docs/reference/openapi.json by test/schema.test.ts; SLUICE_UPDATE=1 npm test makes it anew.\n\n${texts.join("\n")}`;
}

test("the API's types are those of its OpenAPI document", () => {
  const text = readFileSync(path.join(root, "../../docs/reference/openapi.json"), "utf8");
  const document = JSON.parse(text) as { components: { schemas: Record<string, Schema> } };
  const made = generate(document.components.schemas);
  if (process.env.SLUICE_UPDATE === "1") writeFileSync(target, made);
  assert.equal(readFileSync(target, "utf8"), made, "src/api/schema.ts is out of date; SLUICE_UPDATE=1 npm test makes it anew");
});
