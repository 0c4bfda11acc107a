// Has openapi-typescript make types of the API's document, compiles a client with them, and runs it.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { equal, holds, setting } from "./check.mjs";

const libraries = setting("CLIENT_LIBRARIES");
const run = (file, ...words) => execFileSync(process.execPath, [file, ...words], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] }).toString();
const command = (name) => join(libraries, "node_modules", name);

// Beside the libraries, where an import finds them.
const folder = mkdtempSync(join(libraries, "typed-"));
try {
  const document = await fetch(`${setting("CROSSWALK_URL")}/openapi.json`);
  equal("the document's status", document.status, 200);
  writeFileSync(join(folder, "openapi.json"), await document.text());
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  copyFileSync(join(dirname(fileURLToPath(import.meta.url)), "unified_client.ts"), join(folder, "client.ts"));
  run(command("openapi-typescript/bin/cli.js"), "openapi.json", "--output", "api.d.ts");
  run(command("typescript/bin/tsc"), "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--types", "node", "--outDir", "out", "client.ts");
  const printed = run("out/client.js");
  holds("it prints the record", /^\d+ Typed$/m.test(printed), printed);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log("all as expected");
