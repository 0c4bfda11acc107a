// Drives the sandbox's HubSpot through @hubspot/api-client, HubSpot's own library for Node.js.

import { equal, holds, library, rejected, setting } from "./check.mjs";

const { Client } = library("@hubspot/api-client");
const basePath = setting("SANDBOX_URL");
const credentials = [setting("SANDBOX_CLIENT_ID"), setting("SANDBOX_CLIENT_SECRET")];

/** Status and category of what the library threw. */
function refused(error) {
  equal("an error's status field", error.body.status, "error");
  equal(
    "the correlation id's header",
    error.headers["x-hubspot-correlation-id"],
    error.body.correlationId,
  );
  return [error.code, error.body.category];
}

/** Refreshes a token, and shows what a bad refresh token and a bad access token throw. */
async function authenticate() {
  const hubspot = new Client({ basePath });
  const refresh = (token) =>
    hubspot.oauth.tokensApi.create("refresh_token", undefined, undefined, ...credentials, token);
  const bad = await rejected("a bad refresh token", "ApiException", refresh("gone"));
  equal("its code", [bad.code, bad.body.status], [400, "BAD_REFRESH_TOKEN"]);
  const fresh = await refresh(setting("SANDBOX_REFRESH_TOKEN"));
  equal("a token's type and life", [fresh.tokenType, fresh.expiresIn], ["bearer", 1800]);
  const known = await hubspot.oauth.accessTokensApi.get(fresh.accessToken);
  equal("the token that is told about", known.token, fresh.accessToken);
  hubspot.setAccessToken(fresh.accessToken);
  equal("a page by it", (await hubspot.crm.companies.basicApi.getPage(2)).results.length, 2);

  const stranger = new Client({ basePath, accessToken: "nonsense" });
  const error = await rejected(
    "a bad access token",
    "ApiException",
    stranger.crm.companies.basicApi.getPage(),
  );
  equal("its category", refused(error), [401, "INVALID_AUTHENTICATION"]);
}

/** Creates, gets, updates, archives; and what each refuses. */
async function companiesOneByOne(hubspot) {
  const api = hubspot.crm.companies.basicApi;
  const created = await api.create({
    properties: { name: "Alder & Rowe", domain: "alderrowe.example", city: "Cork" },
  });
  equal("a new company's name", created.properties.name, "Alder & Rowe");
  const wanted = ["name", "city", "phone", "no_such_property"];
  let got = await api.getById(created.id, wanted);
  equal("a company's city", got.properties.city, "Cork");
  equal("an unset property", got.properties.phone, null);
  equal("an unknown property", got.properties.no_such_property, undefined);
  holds(
    "its times are times",
    got.createdAt instanceof Date && got.createdAt <= got.updatedAt,
    got,
  );

  const updated = await api.update(created.id, { properties: { city: "", phone: "+353 1" } });
  equal("a written property", updated.properties.phone, "+353 1");
  got = await api.getById(created.id, wanted);
  equal("a cleared property", got.properties.city, null);
  equal("a property left alone", got.properties.name, "Alder & Rowe");

  const unknown = await rejected(
    "an unknown property",
    "ApiException",
    api.update(created.id, { properties: { shoe_size: "9" } }),
  );
  equal("its category", refused(unknown), [400, "VALIDATION_ERROR"]);
  const [fault] = JSON.parse(unknown.body.message.replace("Property values were not valid: ", ""));
  equal("its property", [fault.name, fault.error], ["shoe_size", "PROPERTY_DOESNT_EXIST"]);

  await api.archive(created.id);
  const gone = await rejected("an archived company", "ApiException", api.getById(created.id));
  equal("its category", refused(gone), [404, "OBJECT_NOT_FOUND"]);
  got = await api.getById(created.id, wanted, undefined, undefined, true);
  equal("it, asked for as such", got.archived, true);
}

/** Pages and searches through all companies. */
async function companiesByPages(hubspot) {
  const api = hubspot.crm.companies;
  const first = await api.basicApi.getPage(10);
  const second = await api.basicApi.getPage(10, first.paging.next.after);
  const all = (await api.getAll(10)).map((row) => row.id);
  const two = [...first.results, ...second.results].map((row) => row.id);
  equal("two pages", two, all.slice(0, 20));

  const search = (request) => api.searchApi.doSearch(request);
  const everything = await search({ limit: 10, sorts: ["-createdate"] });
  equal("a search's total", everything.total, all.length);
  const next = await search({
    limit: 10,
    sorts: ["-createdate"],
    after: everything.paging.next.after,
  });
  const seen = new Set([...everything.results, ...next.results].map((row) => row.id));
  equal("rows of two pages", seen.size, 20);

  const found = await search({
    filterGroups: [
      { filters: [{ propertyName: "domain", operator: "EQ", value: "haldenmarine.example" }] },
      { filters: [{ propertyName: "domain", operator: "IN", values: ["kestrelpike.example"] }] },
    ],
    properties: ["name"],
  });
  const names = found.results.map((row) => row.properties.name).sort();
  equal("found by domain", names, ["Halden Marine Systems", "Kestrel & Pike"]);
  const malformed = [
    ["an unknown property", { propertyName: "no_such", operator: "EQ", value: "1" }],
    ["IN without values", { propertyName: "name", operator: "IN" }],
  ];
  for (const [what, filter] of malformed) {
    const asked = search({ filterGroups: [{ filters: [filter] }] });
    const error = await rejected(`a search by ${what}`, "ApiException", asked);
    equal(`the category for ${what}`, refused(error), [400, "VALIDATION_ERROR"]);
  }
}

/** Creates, reads, updates and archives in batches, whose results come in any order. */
async function companiesInBatches(hubspot) {
  const api = hubspot.crm.companies.batchApi;
  const names = ["Batch 0", "Batch 1", "Batch 2"];
  const created = await api.create({ inputs: names.map((name) => ({ properties: { name } })) });
  equal("a batch's state", created.status, "COMPLETE");
  const ids = created.results.map((row) => ({ id: row.id }));
  equal("the created companies", created.results.map((row) => row.properties.name).sort(), names);

  const read = (inputs) => api.read({ inputs, properties: ["name"], propertiesWithHistory: [] });
  const rows = await read(ids);
  equal("the rows read", rows.results.map((row) => row.properties.name).sort(), names);
  const updated = await api.update({
    inputs: ids.map((one) => ({ ...one, properties: { city: "Cork" } })),
  });
  equal(
    "the updated rows",
    updated.results.map((row) => row.properties.city),
    ["Cork", "Cork", "Cork"],
  );

  await api.archive({ inputs: ids.slice(2) });
  const partly = await read(ids);
  equal("the rows that are left", partly.results.length, 2);
  equal("the errors", [partly.numErrors, partly.errors.length], [1, 1]);
  equal("the category of the missing", partly.errors[0].category, "OBJECT_NOT_FOUND");
  equal("the missing", partly.errors[0].context.ids, [ids[2].id]);
}

/** Defines a property with unique values, and upserts by it. */
async function companiesByOwnKey(hubspot) {
  const definition = await hubspot.crm.properties.coreApi.create("companies", {
    name: "erp_id",
    label: "ERP id",
    type: "string",
    fieldType: "text",
    groupName: "companyinformation",
    hasUniqueValue: true,
  });
  equal("the definition", [definition.name, definition.hasUniqueValue], ["erp_id", true]);
  const upsert = async (name) => {
    const input = { id: "E1", idProperty: "erp_id", properties: { name } };
    const answer = await hubspot.crm.companies.batchApi.upsert({ inputs: [input] });
    const [row] = answer.results;
    return [row.id, row.properties.name, row._new];
  };
  const [id, ...created] = await upsert("Elm");
  equal("what an upsert creates", created, ["Elm", true]);
  equal("what it updates", await upsert("Elm 2"), [id, "Elm 2", false]);
}

/** Contacts are unique by email. */
async function contactsByEmail(hubspot) {
  const api = hubspot.crm.contacts.basicApi;
  const email = "nora.quill@alderrowe.example";
  const created = await api.create({ properties: { email, firstname: "Nora" } });
  const twice = await rejected(
    "the same email again",
    "ApiException",
    api.create({ properties: { email } }),
  );
  equal("the conflict", refused(twice), [409, "CONFLICT"]);
  equal("its message", twice.body.message, `Contact already exists. Existing ID: ${created.id}`);
  await api.update(email, { properties: { lastname: "Quill" } }, "email");
  const by = [["firstname", "lastname"], undefined, undefined, undefined, "email"];
  const got = await api.getById(email, ...by);
  equal("the contact with an email", [got.id, got.properties.lastname], [created.id, "Quill"]);
  const nobody = await rejected(
    "no contact with an email",
    "ApiException",
    api.getById("no@one.example", ...by),
  );
  equal("its status", nobody.code, 404);
}

/** Owners and property definitions. */
async function whatIsThere(hubspot) {
  const owners = hubspot.crm.owners.ownersApi;
  const page = await owners.getPage(undefined, undefined, 2);
  equal("a page of owners", page.results.length, 2);
  const one = await owners.getById(Number(page.results[0].id));
  equal("one owner", one.email, page.results[0].email);

  const definitions = hubspot.crm.properties.coreApi;
  const known = (await definitions.getAll("companies")).results;
  const employees = known.find((each) => each.name === "numberofemployees");
  equal("a property's type", employees.type, "number");
  equal("one by its name", (await definitions.getByName("companies", "domain")).name, "domain");
}

/** The library waits and asks again when it is told so in the words that it looks for. */
async function tooManySearches() {
  const limit = async (search_per_second) => {
    const body = JSON.stringify({ rate_limits: { search_per_second } });
    const answer = await fetch(`${basePath}/_sandbox/settings`, { method: "PATCH", body });
    holds("the sandbox takes a limit", answer.ok, answer.status);
  };
  const search = (by) => by.crm.companies.searchApi.doSearch({ limit: 1 });
  await limit(1);
  // Two clients: the library spaces the searches of one.
  const twice = Promise.all([search(client()), search(client())]);
  const tooMany = await rejected("a search too many", "ApiException", twice);
  equal("its policy", [tooMany.code, tooMany.body.policyName], [429, "SECONDLY"]);
  const patient = await search(client({ numberOfApiCallRetries: 2 }));
  equal("a search that waits", patient.results.length, 1);
  await limit(null);
}

function client(more) {
  return new Client({ basePath, accessToken: setting("SANDBOX_ACCESS_TOKEN"), ...more });
}

await authenticate();
const hubspot = client();
await companiesOneByOne(hubspot);
await companiesByPages(hubspot);
await companiesInBatches(hubspot);
await companiesByOwnKey(hubspot);
await contactsByEmail(hubspot);
await whatIsThere(hubspot);
await tooManySearches();
console.log("@hubspot/api-client: all as expected");
