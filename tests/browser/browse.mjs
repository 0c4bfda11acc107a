// A browser whose every complaint fails the script: errors in the console, what the content security policy stops,
// scripts that throw, requests that fail or go anywhere else.

import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

const { chromium } = createRequire(join(setting("BROWSER_LIBRARIES"), "package.json"))("playwright-core");
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// A page answers in milliseconds; what takes longer hangs.
const PATIENCE = 15_000;

export function setting(name) {
  return process.env[name] || fail(`${name} is not set`);
}

export function fail(message) {
  console.error(`${basename(process.argv[1])}: ${message}`);
  process.exit(1);
}

export function equal(what, found, expected) {
  if (!isDeepStrictEqual(found, expected)) {
    fail(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  }
}

export function holds(what, truth, found) {
  if (!truth) {
    fail(`${what} does not hold: ${JSON.stringify(found)}`);
  }
}

/** A fresh browser that may ask these origins alone. `meant` are statuses of answers that the console may tell of. */
export async function browse(name, { origins, ...options }, visit) {
  const folder = mkdtempSync(join(tmpdir(), "crosswalk-browser-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: setting("CHROMIUM"),
    headless: true,
    args: flags,
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const complaints = [];
  const meant = new Set();
  try {
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    const page = context.pages()[0] ?? (await context.newPage());
    page.on("console", (message) => {
      const text = message.text();
      const isMeant = [...meant].some((status) => text.includes(`status of ${status}`));
      if (["error", "warning"].includes(message.type()) && !isMeant) {
        complaints.push(`console: ${text}`);
      }
    });
    page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
    page.on("requestfailed", (request) => {
      complaints.push(`request: ${request.url()} ${request.failure()?.errorText}`);
    });
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (!origins.includes(url.origin) && url.protocol !== "data:") {
        complaints.push(`it asks ${url.origin}`);
      }
    });
    const picture = (of) => page.screenshot({ path: join(setting("SCREENSHOTS"), `${of}.png`) });
    await visit({ page, context, picture, meant, complaints });
    equal(`${name}: what the browser complains of`, complaints, []);
  } catch (error) {
    const page = context.pages()[0];
    await page?.screenshot({ path: join(setting("SCREENSHOTS"), "failed.png"), fullPage: true }).catch(() => {});
    fail(`${name}: ${error.message}\nat ${page?.url()}\n${complaints.join("\n")}`);
  } finally {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
