// Drives Chromium through the explorer of a demo, by mouse, by keyboard alone, and on a narrow screen.

import { browse, equal, holds, setting } from "./browse.mjs";

const admin = setting("ADMIN_URL");
const key = setting("CROSSWALK_KEY");
const options = { origins: [admin] };
const withKey = `${admin}/#key=${key}`;

const send = async (page) => {
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("region", { name: "Native call 1" }).waitFor();
};
const open = async (page, operation) => {
  await page.evaluate((name) => (location.hash = `#/try/${name}`), operation);
  await page.locator(`[aria-current="page"][href="#/try/${operation}"]`).waitFor({ state: "attached" });
};
/** The line of a member in one of the trees. */
const member = (page, tree, name) =>
  page.getByRole("group", { name: tree, exact: true }).locator(".line:visible", { has: page.locator(".name", { hasText: `"${name}"` }) }).first();
const isLit = (line) => line.evaluate((it) => it.classList.contains("lit"));

await browse("without a key", options, async ({ page, picture, meant }) => {
  await page.goto(`${admin}/`);
  await page.getByRole("heading", { level: 1, name: "List accounts" }).waitFor();
  await picture("explorer-no-key");
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await page.getByRole("heading", { name: "An API key is needed" }).waitFor();
  // A wrong key is said to be wrong, and not kept.
  meant.add(401);
  await page.getByRole("button", { name: "Give a key" }).click();
  await page.getByLabel("The value of x-apikey").fill("wrong");
  await page.getByRole("button", { name: "Use this key" }).click();
  await page.getByRole("alert").filter({ hasText: "found one that is not known" }).waitFor();
  await picture("explorer-key");
  await page.getByLabel("The value of x-apikey").fill(key);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Live" }).waitFor();
  // What the mappings say needs no key; it was there all the while.
});

await browse("a list and where its fields come from", options, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  equal("the key is in no address", await page.evaluate(() => location.href), `${admin}/#/try`);
  await picture("explorer-light");
  await page.getByLabel("Connection").selectOption("hubspot-demo");
  await send(page);
  const region = page.getByRole("region", { name: "Native call 1" });
  holds("the native call is told", (await region.textContent()).includes("/crm/objects/"), await region.textContent());
  await region.getByText("headers").first().click();
  const headers = await region.locator(".headers dl").first().textContent();
  holds("no token is shown", headers.includes("Bearer •••") && !headers.includes("pat-"), headers);

  const name = member(page, "Unified answer", "name");
  await name.hover();
  const mapping = await page.locator(".mapping").textContent();
  holds("the line of the mapping is shown", /mappings\/hubspot\/crm\/account\.yaml:\d+name:\s+\{ from: properties\.name \}/.test(mapping), mapping);
  holds("the native member lights up", await isLit(member(page, "Native answer 1", "name")));
  holds("another does not", !(await isLit(member(page, "Native answer 1", "website"))));
  await picture("explorer-list");

  // And the way back.
  await member(page, "Native answer 1", "numberofemployees").hover();
  holds("the unified field lights up", await isLit(member(page, "Unified answer", "number_of_employees")));
  // Each record lights up alone.
  const lit = await page.getByRole("group", { name: "Unified answer" }).locator(".line.lit").count();
  equal("of one record alone", lit, 1 + (await page.getByRole("group", { name: "Unified answer" }).locator(".inner[hidden] .line.lit").count()));
});

await browse("an upsert at Salesforce", { ...options, colorScheme: "dark" }, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  await page.getByRole("searchbox", { name: "Find an operation" }).fill("upsert acc");
  await page.getByRole("link", { name: "Upsert account" }).click();
  await page.getByRole("heading", { level: 1, name: "Upsert account" }).waitFor();
  await page.getByLabel("Connection").selectOption("salesforce-demo");
  const body = page.getByLabel("Body");
  holds("there is an example", JSON.parse(await body.inputValue()).upsert_on.key === "website", await body.inputValue());
  // A body that is no JSON is not sent.
  const good = await body.inputValue();
  await body.fill("{");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "The body is not JSON" }).first().waitFor();
  // A name of this run's own, so that a record is made.
  await body.fill(good.replaceAll("brightwater", `brightwater${Date.now()}`));
  await send(page);
  await page.getByRole("region", { name: "Native call 2" }).waitFor();
  await member(page, "Unified answer", "website").hover();
  holds("the mapping is Salesforce's", (await page.locator(".mapping").textContent()).includes("mappings/salesforce/crm/account.yaml"));
  holds("what is written lights up too", await isLit(member(page, "Native request 2", "Website")));
  await picture("explorer-upsert-dark");

  // Refusals are told in the same way.
  await open(page, "crm.account.get");
  await page.getByLabel(/^id/).fill("0");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator(".summary .status", { hasText: "404" }).waitFor();
  await picture("explorer-refusal-dark");
});

await browse("live", options, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  await page.goto(`${admin}/#/live`);
  await page.getByRole("cell", { name: "crm.account.upsert" }).first().waitFor();
  // A call from elsewhere comes by itself, without its bodies.
  const api = setting("CROSSWALK_URL");
  const answer = await fetch(`${api}/unified/crm/contact?page_size=1`, { headers: { "x-apikey": key, "x-connection-id": "hubspot-demo" } });
  equal("it is answered", answer.status, 200);
  const row = page.getByRole("button", { name: "crm.contact.list" }).first();
  await row.waitFor();
  await row.click();
  await page.getByText("The answer was not kept").first().waitFor();
  await picture("explorer-live");
  await page.getByLabel("Only calls that ended so").selectOption("4");
  equal("refusals alone", await page.getByRole("button", { name: "crm.contact.list" }).count(), 0);
  await page.getByRole("button", { name: "crm.account.get" }).first().click();
  await page.getByRole("region", { name: "Unified call" }).waitFor();
  await page.getByLabel("Only calls with these words").fill("nothing has this");
  await page.getByText("No call fits.").waitFor();
});

await browse("connections and coverage", options, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  await page.getByRole("link", { name: "Connections", exact: true }).click();
  await page.getByRole("heading", { name: "hubspot-demo" }).waitFor();
  await page.locator(".health.good").first().waitFor();
  await picture("explorer-connections");
  await page.getByRole("link", { name: "Coverage", exact: true }).click();
  await page.getByRole("heading", { name: "crm.account" }).waitFor();
  await picture("explorer-coverage");
  await page.getByRole("searchbox", { name: "Find a field" }).fill("numberofemployees");
  equal("one field is left", await page.locator(".fields tbody tr").count(), 1);
  await page.getByRole("button", { name: /Theme/ }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  equal("dark by the button", await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await picture("explorer-coverage-dark");
});

/** Tab by tab until something has the focus, which has to be seen all the way. */
async function tabTo(page, selector) {
  for (let tabs = 0; tabs < 120; tabs += 1) {
    await page.keyboard.press("Tab");
    const state = await page.evaluate((wanted) => {
      const focused = document.activeElement;
      const box = focused.getBoundingClientRect();
      return { found: focused.matches(wanted), outline: getComputedStyle(focused).outlineStyle, tag: focused.outerHTML.slice(0, 120), isShown: box.width > 0 };
    }, selector);
    holds("the focus can be seen", (state.outline !== "none" && state.isShown) || state.tag.startsWith("<main") || state.tag.startsWith("<body"), state);
    if (state.found) {
      return;
    }
  }
  throw new Error(`Tab never comes to ${selector}`);
}

await browse("keyboard alone", options, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  await tabTo(page, "input[type=search]");
  await page.keyboard.type("list accounts");
  await tabTo(page, ".form-pane select");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("region", { name: "Native call 1" }).waitFor();
  await tabTo(page, ".line.known");
  await tabTo(page, ".line.known");
  await page.locator(".mapping .file").waitFor();
  await picture("explorer-keyboard");
});

await browse("a narrow screen", { ...options, viewport: { width: 375, height: 760 } }, async ({ page, picture }) => {
  await page.goto(withKey);
  await page.getByRole("combobox", { name: "Connection" }).waitFor();
  await picture("explorer-narrow");
  await send(page);
  await page.getByRole("region", { name: "Unified call" }).scrollIntoViewIfNeeded();
  await member(page, "Unified answer", "name").hover();
  await picture("explorer-narrow-result");
  for (const view of ["try", "live", "connections", "coverage"]) {
    await page.goto(`${admin}/#/${view}`);
    await page.waitForTimeout(300);
    const wide = await page.evaluate(() =>
      document.documentElement.scrollWidth <= innerWidth ? []
        : [...document.querySelectorAll("main, main *")].filter((it) => it.getBoundingClientRect().right > innerWidth).map((it) => it.outerHTML.slice(0, 60)));
    equal(`what of ${view} is wider than a telephone`, wide, []);
    await picture(`explorer-narrow-${view}`);
  }
});

await browse("everything has a name", options, async ({ page }) => {
  await page.goto(withKey);
  for (const view of ["try", "try/crm.contact.create", "live", "connections", "coverage"]) {
    await page.goto(`${admin}/#/${view}`);
    await page.waitForTimeout(400);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, a, input, select, textarea, summary, [role=img]")]
        .filter((it) => it.checkVisibility())
        .filter((it) => !(it.getAttribute("aria-label") || it.textContent.trim() || it.labels?.length))
        .map((it) => it.outerHTML.slice(0, 100)));
    equal(`nameless in ${view}`, nameless, []);
  }
});

console.log("all as expected");
