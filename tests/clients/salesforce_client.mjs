// Drives the sandbox's Salesforce through jsforce.

import { equal, holds, library, rejected, setting } from "./check.mjs";

const { Connection, OAuth2 } = library("jsforce");
const instanceUrl = setting("SANDBOX_URL");
const version = "59.0";
const none = "001000000000000AAA";

/** A connection's OAuth client; the login is on the sandbox's host as well. */
function client(clientSecret) {
  return { loginUrl: instanceUrl, clientId: setting("SANDBOX_CLIENT_ID"), clientSecret };
}

/** Refreshes a session that is over, and shows what bad credentials throw. */
async function authenticate() {
  const stranger = new Connection({ instanceUrl, version, accessToken: "00DSANDBOX!nobody" });
  const over = await rejected(
    "a bad session",
    "HttpApiError",
    stranger.query("SELECT Id FROM Account"),
  );
  equal("its code", over.errorCode, "INVALID_SESSION_ID");
  equal("its message", over.message, "Session expired or invalid");

  const secret = setting("SANDBOX_CLIENT_SECRET");
  const grant = { grant_type: "client_credentials" };
  const wrong = await new OAuth2(client("wrong")).requestToken(grant).catch((error) => error);
  equal(
    "a wrong secret",
    [wrong.name, wrong.message],
    ["invalid_client", "invalid client credentials"],
  );
  const granted = await new OAuth2(client(secret)).requestToken(grant);
  equal("the instance of a grant", granted.instance_url, instanceUrl);

  const dead = new Connection({ ...session(), oauth2: client(secret), refreshToken: "gone" });
  await expireTokens();
  const refused = await dead.query("SELECT Id FROM Account").catch((error) => error.message);
  equal(
    "a bad refresh token",
    refused,
    "Unable to refresh session due to: expired access/refresh token",
  );

  const connection = new Connection({
    ...session(),
    oauth2: client(secret),
    refreshToken: setting("SANDBOX_REFRESH_TOKEN"),
  });
  const refreshed = [];
  connection.on("refresh", (token) => refreshed.push(token));
  const pages = await Promise.all(
    [1, 2, 3].map(() => connection.query("SELECT Id FROM Account LIMIT 2")),
  );
  equal(
    "pages by the next session",
    pages.map((page) => page.records.length),
    [2, 2, 2],
  );
  equal("the sessions that took", refreshed, [connection.accessToken]);
  holds("the user's id", /^005/.test(connection.userInfo.id), connection.userInfo);
  return connection;
}

function session() {
  return { instanceUrl, version, accessToken: setting("SANDBOX_ACCESS_TOKEN") };
}

async function expireTokens() {
  const answer = await fetch(`${instanceUrl}/_sandbox/expire_tokens`, { method: "POST" });
  holds("the sandbox expires its tokens", answer.ok, answer.status);
}

/** Creates, gets, updates, deletes; and what each refuses. */
async function accountsOneByOne(connection) {
  const accounts = connection.sobject("Account");
  const name = "O'Dell Söhne";
  const created = await accounts.create({ Name: name, NumberOfEmployees: 12, BillingCity: "Cork" });
  equal("a create's answer", [created.success, created.errors], [true, []]);
  const { id } = created;
  let got = await accounts.retrieve(id);
  equal("a row's type", got.attributes.type, "Account");
  equal("a row's name and size", [got.Name, got.NumberOfEmployees], [name, 12]);
  equal("a compound address", got.BillingAddress.city, "Cork");
  equal("an unset field", got.Phone, null);

  const updated = await accounts.update({ Id: id, Phone: "+353 1", BillingCity: null });
  equal("an update's answer", [updated.id, updated.success], [id, true]);
  got = await accounts.retrieve(id, { fields: ["Phone", "BillingCity"] });
  equal("what it wrote", [got.Phone, got.BillingCity, got.Name], ["+353 1", null, undefined]);
  const found = await accounts.find({ Name: name }, "Id, Name");
  equal(
    "found by a name that needs an escape",
    found.map((row) => row.Id),
    [id],
  );

  const wrong = [
    ["an unknown field", { Name: "x", Shoe_Size__c: 9 }, "INVALID_FIELD", undefined],
    ["a missing name", { Phone: "1" }, "REQUIRED_FIELD_MISSING", ["Name"]],
    ["a long name", { Name: "x".repeat(256) }, "STRING_TOO_LONG", ["Name"]],
  ];
  for (const [what, values, code, fields] of wrong) {
    const error = await rejected(what, "HttpApiError", accounts.create(values));
    equal(`the code for ${what}`, [error.errorCode, error.data.fields], [code, fields]);
  }

  equal("a delete's answer", (await accounts.destroy(id)).success, true);
  const gone = await rejected("a deleted row", "HttpApiError", accounts.retrieve(id));
  equal("its code", gone.errorCode, "ENTITY_IS_DELETED");
  const twice = await rejected("a second delete", "HttpApiError", accounts.destroy(id));
  equal("its code", twice.errorCode, "ENTITY_IS_DELETED");
  const never = await rejected(
    "an update of what never was",
    "HttpApiError",
    accounts.update({ Id: none, Phone: "1" }),
  );
  equal("its code", never.errorCode, "INVALID_CROSS_REFERENCE_KEY");
  const query = `SELECT IsDeleted FROM Account WHERE Id = '${id}'`;
  equal("a deleted row in a query", (await connection.query(query)).totalSize, 0);
  const all = await connection.query(query, { scanAll: true });
  equal("and with deleted rows", all.records[0].IsDeleted, true);
}

/** Creates, retrieves, updates and deletes many rows in a call. */
async function accountsInCollections(connection) {
  const accounts = connection.sobject("Account");
  const names = Array.from({ length: 250 }, (_, number) => `Paged ${number}`);
  const created = await accounts.create(
    names.map((Name) => ({ Name })),
    { allowRecursive: true },
  );
  equal("what was created", created.filter((each) => each.success).length, 250);
  const ids = created.map((each) => each.id);
  const rows = await accounts.retrieve([ids[1], none, ids[0]], { fields: ["Name"] });
  equal(
    "rows by their ids",
    rows.map((row) => row && row.Name),
    ["Paged 1", null, "Paged 0"],
  );
  const whole = await accounts.retrieve(ids.slice(0, 2));
  equal(
    "all fields of rows",
    whole.map((row) => row.Id),
    ids.slice(0, 2),
  );
  const changes = [
    { Id: ids[0], Phone: "1" },
    { Id: ids[1], Shoe_Size__c: 9 },
  ];
  const saved = await accounts.update(changes);
  equal(
    "what of it was saved",
    saved.map((each) => each.success),
    [true, false],
  );
  equal("the other's code", saved[1].errors[0].statusCode, "INVALID_FIELD");
  const rolled = await accounts.update(changes, { allOrNone: true });
  equal(
    "all or none",
    rolled.map((each) => each.errors[0].statusCode),
    ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"],
  );
  const deleted = await accounts.destroy([ids[249], none]);
  equal(
    "what was deleted",
    deleted.map((each) => each.success),
    [true, false],
  );
  equal("the other's code", deleted[1].errors[0].statusCode, "INVALID_CROSS_REFERENCE_KEY");
}

/** Pages through a query, and what a wrong one is told. */
async function queries(connection) {
  const text = "SELECT Id, Name FROM Account WHERE Name LIKE 'Paged %' ORDER BY Id";
  const headers = { "Sforce-Query-Options": "batchSize=200" };
  const first = await connection.query(text, { headers });
  equal("the first page", [first.totalSize, first.done, first.records.length], [249, false, 200]);
  const second = await connection.queryMore(first.nextRecordsUrl, { headers });
  equal("the second", [second.done, second.records.length], [true, 49]);
  const all = await connection.query(text, { autoFetch: true, maxFetch: 10000, headers });
  const ids = [...first.records, ...second.records].map((row) => row.Id);
  equal(
    "all",
    all.records.map((row) => row.Id),
    ids,
  );
  const some = await connection
    .sobject("Account")
    .select("Name")
    .where("Name LIKE 'Paged 1%'")
    .sort("-Name")
    .limit(2);
  equal(
    "by the query builder",
    some.map((row) => row.Name),
    ["Paged 199", "Paged 198"],
  );
  equal("a count", await connection.sobject("Account").count("Name LIKE 'Paged %'"), 249);
  const locator = await rejected(
    "a locator that never was",
    "HttpApiError",
    connection.queryMore("01g000000000000AAA-200"),
  );
  equal("its code", locator.errorCode, "INVALID_QUERY_LOCATOR");
  const wrong = [
    ["SELECT Id FROM", "MALFORMED_QUERY"],
    ["SELECT Id FROM Account WHERE Name = 'O'Dell'", "MALFORMED_QUERY"],
    ["SELECT Shoe_Size__c FROM Account", "INVALID_FIELD"],
    ["SELECT Id FROM Spaceship", "INVALID_TYPE"],
  ];
  for (const [query, code] of wrong) {
    const error = await rejected(query, "HttpApiError", connection.query(query));
    equal(`the code for ${query}`, [error.errorCode, error.name], [code, code]);
    holds("the query is shown", error.message.includes("ERROR at Row:1:Column:"), error.message);
  }
}

/** Creates and updates by a field that finds rows; more rows than one are refused. */
async function contactsByEmail(connection) {
  const contacts = connection.sobject("Contact");
  const Email = "nora@quill.example";
  const created = await contacts.upsert({ Email, LastName: "Quill" }, "Email");
  equal("an upsert that creates", [created.success, created.created], [true, true]);
  const updated = await contacts.upsert({ Email, FirstName: "Nora" }, "Email");
  equal("an upsert that updates", [updated.id, updated.created], [created.id, false]);
  equal("what both wrote", (await contacts.retrieve(created.id)).Name, "Nora Quill");
  const both = await contacts.upsert(
    [
      { Email, Title: "Head" },
      { Email: "ben@quill.example", LastName: "Quill" },
    ],
    "Email",
  );
  equal(
    "upserts of a collection",
    both.map((each) => each.created),
    [false, true],
  );
  equal("the row of the first", both[0].id, created.id);

  const second = await contacts.create({ LastName: "Quill", Email });
  const twice = await rejected(
    "two rows of one email",
    "HttpApiError",
    contacts.upsert({ Email, Title: "x" }, "Email"),
  );
  equal("its code", twice.errorCode, "MULTIPLE_CHOICES");
  equal(
    "the rows it names",
    twice.data.map((url) => url.split("/").pop()).sort(),
    [created.id, second.id].sort(),
  );
  const bad = await rejected(
    "an email that is none",
    "HttpApiError",
    contacts.create({ LastName: "x", Email: "nora" }),
  );
  equal("its code", [bad.errorCode, bad.data.fields], ["INVALID_EMAIL_ADDRESS", ["Email"]]);
}

/** Composites, by the library's door for any REST call. */
async function manyInOne(connection) {
  const below = `/services/data/v${version}/sobjects/Account`;
  const { compositeResponse } = await connection.requestPost(
    `/services/data/v${version}/composite`,
    {
      allOrNone: false,
      compositeRequest: [
        { method: "POST", url: below, referenceId: "made", body: { Name: "Composed" } },
        { method: "GET", url: `${below}/@{made.id}?fields=Id,Name`, referenceId: "row" },
        { method: "GET", url: `${below}/${none}`, referenceId: "none" },
      ],
    },
  );
  equal(
    "each part's status",
    compositeResponse.map((part) => part.httpStatusCode),
    [201, 200, 404],
  );
  equal(
    "a part that refers to another",
    compositeResponse[1].body.Id,
    compositeResponse[0].body.id,
  );
}

/** Objects, fields, versions and limits. */
async function whatIsThere(connection) {
  const { sobjects } = await connection.describeGlobal();
  equal(
    "the prefix of accounts' ids",
    sobjects.find((each) => each.name === "Account").keyPrefix,
    "001",
  );
  const { fields } = await connection.sobject("Contact").describe();
  equal("a field that finds rows", fields.find((each) => each.name === "Email").idLookup, true);
  const versions = await connection.request("/services/data");
  holds(
    "the version is there",
    versions.some((each) => each.version === version),
    versions,
  );
  const { DailyApiRequests } = await connection.limits();
  holds("calls remain", DailyApiRequests.Remaining < DailyApiRequests.Max, DailyApiRequests);
  holds("calls are counted", connection.limitInfo.apiUsage.used > 0, connection.limitInfo);
}

const connection = await authenticate();
await accountsOneByOne(connection);
await accountsInCollections(connection);
await queries(connection);
await contactsByEmail(connection);
await manyInOne(connection);
await whatIsThere(connection);
console.log("jsforce: all as expected");
