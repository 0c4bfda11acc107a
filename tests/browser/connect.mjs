// Drives Chromium through the connect pages, as a customer would: from the link over the provider's consent page and
// back. The proxy and the sandbox run already. Whatever the browser complains of fails the script: errors in the
// console, what the content security policy stops, scripts that throw, requests to anywhere else.

import { join } from "node:path";

import * as browser from "./browse.mjs";
import { equal, holds, setting } from "./browse.mjs";

const proxy = setting("CROSSWALK_URL");
const sandboxes = { hubspot: setting("HUBSPOT_URL"), salesforce: setting("SALESFORCE_URL") };
const client = { client_id: "sandbox-client", client_secret: "sandbox-secret" };
const origins = [proxy, ...Object.values(sandboxes)].map((each) => new URL(each).origin);

/** A call of the API with the admin's key. */
async function api(method, path, body, headers = {}) {
  const answer = await fetch(proxy + path, {
    method,
    headers: { "x-apikey": setting("CROSSWALK_KEY"), "content-type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  equal(`${method} ${path}: ${text}`, answer.status, 200);
  return JSON.parse(text);
}

async function configure(provider, settings) {
  const answer = await fetch(`${sandboxes[provider]}/_sandbox/settings`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(settings),
  });
  equal(`the sandbox takes ${JSON.stringify(settings)}`, answer.status, 200);
}

async function config(connectorName, more, displayName) {
  const body = { orgId: "org_crosswalk", connectorName, displayName, config: { ...client, ...more } };
  return (await api("POST", "/core/connector_config", body)).id;
}

async function link(more) {
  return (await api("POST", "/connect/magic-link", { displayName: "Acme & Söhne GmbH", ...more })).url;
}

const connections = (customer) => api("GET", `/core/connection?customerId=${customer}`);

/** A fresh browser for one customer. */
function browse(name, options, visit) {
  const whole = { viewport: { width: 900, height: 760 }, ...options, origins };
  return browser.browse(name, whole, async ({ page, context, meant, complaints }) => {
    const secrets = [];
    context.on("request", (request) => {
      // The secret of a link is in no address and in no `Referer`.
      const shown = request.url() + (request.headers().referer ?? "");
      if (secrets.some((secret) => shown.includes(secret))) {
        complaints.push(`a secret is in ${shown}`);
      }
    });
    const open = async (more) => {
      const url = await link(more);
      secrets.push(url.split("#")[1]);
      await page.goto(url);
      await page.waitForURL((at) => !at.href.includes("/connect/open"));
    };
    const picture = (of) => page.screenshot({ path: join(setting("SCREENSHOTS"), `${of}.png`), fullPage: true });
    await visit({ page, open, picture, meant, complaints });
  });
}

/** The only connection of a customer works. */
async function works(customer, connectorName) {
  const found = await connections(customer);
  equal(`${customer} has one connection`, found.length, 1);
  equal("its connector", found[0].connectorName, connectorName);
  equal("its status", found[0].standard.status, "healthy");
  const accounts = await api("GET", "/unified/crm/account", undefined, { "x-connection-id": found[0].id });
  holds("a unified call answers accounts", accounts.items.length > 0, accounts);
  return found[0];
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

/** Tab by tab until something has the focus; what had it on the way. */
async function tabTo(page, selector) {
  for (let tabs = 0; tabs < 20; tabs += 1) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      // A choice is shown by the frame around it.
      const shown = [focused, focused.closest("label")].filter(Boolean);
      const outlines = shown.map((each) => getComputedStyle(each).outlineStyle);
      return { found: focused.matches(wanted), outlines, tag: focused.tagName };
    }, selector);
    if (state.found) {
      const isSeen = state.outlines.some((outline) => outline !== "none");
      holds(`the focus on ${selector} can be seen`, isSeen, state);
      return;
    }
  }
  throw new Error(`Tab never comes to ${selector}`);
}

await configure("salesforce", { require_pkce: true });
await config("hubspot", { base_url: sandboxes.hubspot });
await config("salesforce", { login_url: sandboxes.salesforce });

await browse("HubSpot by mouse", {}, async ({ page, open, picture }) => {
  await open({ customerId: "hub" });
  equal("the address has no secret", await page.evaluate(() => location.href), `${proxy}/connect`);
  await heading(page, "Connect your account");
  equal("who it is for", await page.locator("bdi").first().textContent(), "Acme & Söhne GmbH");
  await picture("light");
  await page.getByRole("button", { name: "Connect HubSpot" }).click();
  await page.locator("#allow").click();
  await page.getByRole("status").filter({ hasText: "HubSpot is connected." }).waitFor();
  await picture("connected");
  const made = await works("hub", "hubspot");
  await page.reload();
  equal("one row", await page.locator(`[data-connection="${made.id}"]`).count(), 1);

  // Back and forth again leads to nothing new: the answer of the provider is in no history.
  await page.goBack();
  await page.goForward();
  await works("hub", "hubspot");

  // And it is given up again.
  await page.goto(`${proxy}/connect`);
  await page.getByRole("link", { name: "Disconnect HubSpot" }).click();
  await heading(page, "Disconnect HubSpot?");
  await picture("disconnect");
  await page.getByRole("link", { name: "Keep it" }).click();
  await works("hub", "hubspot");
  await page.getByRole("link", { name: "Disconnect HubSpot" }).click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByRole("status").filter({ hasText: "HubSpot is disconnected." }).waitFor();
  equal("the connection is gone", await connections("hub"), []);
});

await browse("Salesforce with PKCE", { colorScheme: "dark" }, async ({ page, open, picture }) => {
  await open({ customerId: "force" });
  await picture("dark");
  await page.getByRole("button", { name: "Connect Salesforce" }).click();
  await page.locator("#allow").click();
  await page.getByRole("status").filter({ hasText: "Salesforce is connected." }).waitFor();
  await picture("connected-dark");
  await works("force", "salesforce");

  // Again: the same connection, not a second one.
  await page.getByRole("button", { name: "Reconnect Salesforce" }).click();
  await page.locator("#allow").click();
  await page.getByRole("status").filter({ hasText: "Salesforce is connected." }).waitFor();
  await works("force", "salesforce");
});

await browse("who says no", { viewport: { width: 360, height: 640 } }, async ({ page, open, picture }) => {
  await open({ customerId: "shy", theme: "light" });
  await page.getByRole("button", { name: "Connect HubSpot" }).click();
  await page.locator("#deny").click();
  await page.getByRole("status").filter({ hasText: "HubSpot was not connected" }).waitFor();
  await picture("narrow");
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  holds("nothing is wider than a telephone", overflow <= 0, overflow);
  equal("nothing was connected", await connections("shy"), []);
});

await browse("keyboard alone", {}, async ({ page, open, picture }) => {
  await open({ customerId: "keys" });
  await tabTo(page, '[data-connector="salesforce"]');
  await picture("keyboard");
  await page.keyboard.press("Enter");
  await page.locator("#allow").waitFor();
  await tabTo(page, "#allow");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "Salesforce is connected." }).waitFor();
  await works("keys", "salesforce");
});

await browse("the end leads back to the app", {}, async ({ page, open, meant }) => {
  // The sandbox's own address stands for the app's; it has no icon.
  meant.add(404);
  const redirectUrl = `${sandboxes.hubspot}/_sandbox/settings?back=1`;
  await open({ customerId: "back", redirectUrl, view: "add-deeplink", connectorNames: "hubspot" });
  await page.locator("#allow").click();
  await page.waitForURL(redirectUrl);
  await works("back", "hubspot");
});

// Only now: a config whose customers say where they log in.
const choice = await config("salesforce", {}, "Any kind of org");

await browse("where to log in", {}, async ({ page, open, picture, meant }) => {
  await open({ customerId: "choice" });
  await page.getByRole("link", { name: "Connect Salesforce" }).click();
  await heading(page, "Where do you sign in to Salesforce?");
  const domain = page.getByRole("textbox", { name: "My Domain" });
  equal("nothing is to be typed yet", await domain.isVisible(), false);
  await tabTo(page, "input[type=radio]");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  equal("now there is", await domain.isVisible(), true);
  await domain.fill("evil.example/x");
  await picture("choose");
  meant.add(400);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("alert").filter({ hasText: "cannot be the name of a domain" }).waitFor();
  equal("what was typed is there", await domain.inputValue(), "evil.example/x");
  equal("it has the focus", await domain.evaluate((it) => it === document.activeElement), true);
  await picture("choose-problem");
  await page.getByRole("link", { name: "Back" }).click();
  await heading(page, "Connect your account");
});

await browse("links that are not good", {}, async ({ page, picture, meant }) => {
  await page.goto(`${proxy}/connect/open`);
  await heading(page, "This link is not complete");
  await picture("incomplete");
  meant.add(403);
  await page.goto(`${proxy}/connect/open#cwm_${"A".repeat(43)}`);
  await page.getByRole("alert").filter({ hasText: "This link is not known" }).waitFor();
  await picture("unknown");
  await page.goto(`${proxy}/connect/callback?code=x&state=y`);
  await page.getByRole("alert").filter({ hasText: "has not opened a link yet" }).waitFor();
});

await browse("a page within a page", {}, async ({ page, complaints }) => {
  // Another site cannot lay our page under its own.
  await page.goto(`${sandboxes.hubspot}/_sandbox/settings`);
  const loaded = await page.evaluate(async (url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    document.body.append(frame);
    await new Promise((done) => frame.addEventListener("load", done));
    try {
      return frame.contentDocument !== null;
    } catch {
      return false;
    }
  }, `${proxy}/connect/open`);
  equal("nothing of it can be read", loaded, false);
  const refused = complaints.splice(0).filter((it) => it.includes("frame") || it.includes("ERR_BLOCKED"));
  holds("the browser refuses to show it", refused.length > 0, refused);
});

holds("the config is used", choice.startsWith("ccfg_"), choice);
console.log("all as expected");
