// How connections are: whether they work, and what is left of their accounts' limits.

import { empty, fill, h, plural, problem, status } from "./dom.js";
import { needsKey } from "./live.js";
import * as server from "./server.js";

const CONNECTION = "crosswalk-connection";

export async function view(main) {
  if (!server.hasKey()) {
    fill(main, needsKey("customers' connections"));
    return;
  }
  const grid = h("div", { class: "cards" });
  fill(main, h("section", { class: "page", "aria-label": "Connections" }, h("div", { class: "row" }, h("h1", null, "Connections"), h("span", { class: "grow" }),
    h("button", { type: "button", class: "plain", on: { click: () => draw(grid) } }, "Look again")), grid));
  await draw(grid);
}

async function draw(grid) {
  try {
    const [connections, told] = await Promise.all([server.connections(), server.calls(0)]);
    const last = new Map();
    for (const call of told.calls) {
      if (call.connection && !last.has(call.connection)) {
        last.set(call.connection, call);
      }
    }
    if (connections.length === 0) {
      fill(grid, empty("No connection yet", "Name one under `connections` in the configuration, or send a customer a magic link: POST /connect/magic-link.",
        h("p", null, h("a", { class: "button", href: "#/try/connect.magic_link.create" }, "Make a link"))));
      return;
    }
    fill(grid, connections.map((it) => card(it, last.get(it.id))));
  } catch (error) {
    fill(grid, problem(error));
  }
}

/** What a connection is like, in a word, and why. */
function health(connection, last) {
  if (connection.is_disabled) {
    return ["off", "Disabled"];
  }
  if (connection.status === "disconnected" || connection.status === "error") {
    return ["bad", connection.status === "error" ? "Refused" : "Disconnected"];
  }
  if (last?.status >= 500 || last?.status === 401) {
    return ["warn", "Last call failed"];
  }
  if (connection.status === "healthy" || last) {
    return ["good", "Works"];
  }
  return ["none", "Not used yet"];
}

function card(connection, last) {
  const [kind, text] = health(connection, last);
  return h(
    "article",
    { class: "card" },
    h("div", { class: "row" }, h("h2", null, connection.display_name ?? connection.id), h("span", { class: "grow" }), h("span", { class: `health ${kind}` }, text)),
    h("p", { class: "sub" }, [connection.title, connection.api_version && `API ${connection.api_version}`, connection.is_configured ? "in the configuration" : "in the store"].filter(Boolean).join(" · ")),
    connection.display_name && h("p", { class: "sub" }, h("code", null, connection.id)),
    connection.customer_id && h("p", { class: "sub" }, `Customer ${connection.customer_id}`),
    connection.status_message && h("p", { class: "problem" }, connection.status_message),
    connection.limits.map((limit) =>
      h("div", { class: "limit" },
        h("span", null, limit.name, limit.window_seconds && ` per ${limit.window_seconds} s`),
        h("meter", { min: "0", max: String(limit.limit), low: String(limit.limit * 0.1), optimum: String(limit.limit), value: String(limit.remaining), "aria-label": `left of ${limit.name}` }),
        h("span", { class: "number" }, `${limit.remaining.toLocaleString()} of ${limit.limit.toLocaleString()} left`))),
    connection.waiting > 0 && h("p", { class: "note" }, `${plural(connection.waiting, "call")} waiting for a turn`),
    last && h("p", { class: "sub" }, "Last call ", status(last.status), ` ${last.operation ?? last.path}, ${new Date(last.started_at).toLocaleTimeString(undefined, { hour12: false })}`),
    connection.is_callable && h("p", { class: "row end" }, h("a", { class: "button", href: "#/try/crm.account.list", on: { click: () => sessionStorage.setItem(CONNECTION, connection.id) } }, "Try it")),
  );
}
