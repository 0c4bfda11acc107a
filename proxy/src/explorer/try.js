// Choose an operation, fill it in, send it, and see what it became.

import * as contract from "./contract.js";
import { copyButton, duration, empty, fill, h, method, problem, prose, say, status } from "./dom.js";
import { exchange } from "./exchange.js";
import * as origins from "./origins.js";
import * as server from "./server.js";

const CONNECTION = "crosswalk-connection";
/** What was filled in, by operation, for as long as the page is open. */
const drafts = new Map();
/** Ids that answers had, by connection and entity: to choose from. */
const ids = new Map();

export async function view(main, [wanted]) {
  const [operations] = await Promise.all([contract.operations(), origins.load()]);
  const chosen = operations.find((it) => it.name === wanted) ?? operations[0];
  const panes = h("div", { class: "panes" });
  const form = h("section", { class: "pane form-pane", "aria-label": "Request" });
  const result = h("section", { class: "pane result-pane", "aria-label": "Result", tabindex: "-1" });
  fill(main, fill(panes, list(operations, chosen), form, result));
  nothingYet(result, chosen);
  await fillIn(form, result, chosen);
}

function nothingYet(result, operation) {
  fill(
    result,
    empty(
      "Nothing sent yet",
      "Here you will see the call, each native call that it became, and how their fields belong together.",
      operation.answer !== undefined &&
        h("details", { class: "sample" }, h("summary", null, "An example of the answer"),
          h("pre", { class: "tree" }, JSON.stringify(operation.answer, null, 2))),
    ),
  );
}

function list(operations, chosen) {
  const groups = Map.groupBy ? Map.groupBy(operations, (it) => it.group) : grouped(operations);
  const sections = [...groups].map(([name, own]) =>
    h(
      "div",
      { class: "group", "data-group": name },
      h("h2", null, name),
      h(
        "ul",
        null,
        own.map((it) =>
          h("li", { "data-words": `${it.name} ${it.summary} ${it.path}`.toLowerCase() },
            h("a", { href: `#/try/${it.name}`, "aria-current": it === chosen ? "page" : null }, method(it.method), h("span", null, it.summary))),
        ),
      ),
    ),
  );
  const none = h("p", { class: "note", hidden: true }, "No operation has these words.");
  const filter = h("input", {
    type: "search",
    placeholder: "Find an operation",
    "aria-label": "Find an operation",
    on: {
      input: () => {
        const words = filter.value.toLowerCase().split(/\s+/);
        let found = 0;
        for (const section of sections) {
          let own = 0;
          for (const item of section.querySelectorAll("li")) {
            item.hidden = !words.every((word) => item.dataset.words.includes(word));
            own += item.hidden ? 0 : 1;
          }
          section.hidden = own === 0;
          found += own;
        }
        none.hidden = found > 0;
      },
    },
  });
  const current = h("span", { class: "chosen" }, chosen.summary);
  const box = h("details", { class: "pane list-pane", open: !matchMedia("(max-width: 900px)").matches },
    h("summary", null, "Operations: ", current),
    h("nav", { "aria-label": "Operations" }, filter, sections, none));
  requestAnimationFrame(() => {
    const link = box.querySelector("[aria-current]");
    const nav = box.querySelector("nav");
    if (link && nav.scrollHeight > nav.clientHeight) {
      nav.scrollTop = link.offsetTop - nav.clientHeight / 2;
    }
  });
  return box;
}

function grouped(operations) {
  const groups = new Map();
  for (const each of operations) {
    groups.set(each.group, [...(groups.get(each.group) ?? []), each]);
  }
  return groups;
}

async function fillIn(pane, result, operation) {
  let known = [];
  let trouble = null;
  if (server.hasKey()) {
    try {
      known = (await server.connections()).filter((it) => it.is_callable);
    } catch (error) {
      trouble = error;
    }
  }
  const draft = drafts.get(operation.name) ?? { values: {}, body: operation.body && JSON.stringify(operation.body.example, null, 2) };
  drafts.set(operation.name, draft);
  const connection = operation.needsConnection && chooseConnection(known);
  const inputs = operation.parameters.map((it) => parameter(operation, it, draft, connection));
  const [heads, others] = [inputs.filter((it) => it.at === "header"), inputs.filter((it) => it.at !== "header")];
  const body = operation.body && bodyEditor(operation, draft);
  const sending = h("button", { type: "submit", class: "main" }, "Send");
  const complaint = h("p", { class: "problem", role: "alert" });
  const form = h(
    "form",
    { novalidate: true },
    connection && connection.element,
    others.length > 0 && h("fieldset", null, h("legend", null, "Parameters"), others.map((it) => it.element)),
    body && body.element,
    heads.length > 0 && h("details", { class: "more-fields" }, h("summary", null, "Headers"), heads.map((it) => it.element)),
    complaint,
    h("div", { class: "row send" }, sending, h("span", { class: "keys" }, "Ctrl + Enter"), h("span", { class: "grow" }),
      copyButton("a curl line", () => curl(build(operation, connection, inputs, body)))),
  );
  form.querySelector(".send .small").textContent = "Copy as curl";
  const send = async (event) => {
    event.preventDefault();
    complaint.textContent = "";
    const fault = faultOf(connection, inputs, body);
    if (fault) {
      complaint.textContent = fault.message;
      fault.input?.focus();
      return;
    }
    if (!server.hasKey()) {
      document.getElementById("key").click();
      return;
    }
    sending.disabled = true;
    sending.textContent = "Sending…";
    fill(result, h("p", { class: "note waiting" }, "Waiting for the answer…"));
    try {
      const request = build(operation, connection, inputs, body);
      const answered = await server.attempt(request);
      remember(request, operation, answered.body);
      await show(result, answered);
      if (result.getBoundingClientRect().top > innerHeight / 2) {
        result.scrollIntoView();
      }
    } catch (error) {
      fill(result, problem(error));
    } finally {
      sending.disabled = false;
      sending.textContent = "Send";
    }
  };
  form.addEventListener("submit", send);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      send(event);
    }
  });
  fill(
    pane,
    h("h1", null, operation.summary),
    h("p", { class: "path" }, method(operation.method), h("code", null, operation.path)),
    operation.description && h("p", { class: "description" }, prose(operation.description)),
    trouble && problem(trouble),
    form,
  );
}

async function show(result, answered) {
  let call = null;
  // It is remembered when the last who works for it lets go.
  for (let tries = 0; tries < 5 && !call; tries += 1) {
    try {
      call = await server.call(answered.request_id);
    } catch (error) {
      if (error.status !== 404) {
        throw error;
      }
      await new Promise((done) => setTimeout(done, 60));
    }
  }
  if (!call) {
    fill(result, h("div", { class: "summary" }, status(answered.status)), h("pre", { class: "tree" }, JSON.stringify(answered.body, null, 2)),
      h("p", { class: "note" }, "Calls are not recorded (limits.recorded_calls), so what it became cannot be shown."));
    return;
  }
  // An operation of the proxy itself is recorded without its bodies: they may hold secrets.
  if (call.answer.body === null) {
    call.answer.body = answered.body;
  }
  fill(result, exchange(call));
  say(`${answered.status} after ${duration(call.duration_us)}`);
}

function chooseConnection(known) {
  const last = sessionStorage.getItem(CONNECTION);
  const select = h(
    "select",
    { id: "connection", on: { change: () => sessionStorage.setItem(CONNECTION, select.value) } },
    known.map((it) => h("option", { value: it.id }, `${it.id} · ${it.title}${it.display_name ? ` · ${it.display_name}` : ""}`)),
  );
  if (known.some((it) => it.id === last)) {
    select.value = last;
  }
  const note = known.length === 0 && h("p", { class: "note" }, server.hasKey() ? "There is no connection yet. Name one in the configuration, or send a customer a magic link." : "Give an API key to see the connections.");
  return {
    element: h("div", { class: "field" }, h("label", { for: "connection" }, "Connection"), known.length > 0 && select, note),
    value: () => select.value,
    input: select,
  };
}

function parameter(operation, it, draft, connection) {
  const id = `p-${it.in}-${it.name}`;
  const schema = contract.resolve(it.schema);
  const choices = schema.enum ?? (schema.type === "boolean" ? ["true", "false"] : null);
  const name = it.in === "header" && it.name.toLowerCase() === "idempotency-key";
  const input = choices
    ? h("select", { id }, h("option", { value: "" }, it.required ? "Choose" : schema.default === undefined ? "Not sent" : `Not sent (${schema.default})`), choices.map((each) => h("option", { value: each }, String(each))))
    : h("input", {
        id,
        type: schema.type === "number" || schema.type === "integer" ? "number" : "text",
        min: schema.minimum,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: schema.type === "array" ? "several, with commas" : schema.example ?? null,
        "aria-describedby": it.description ? `${id}-help` : null,
        required: it.required === true,
      });
  input.value = draft.values[id] ?? (it.name === "page_size" ? "3" : "");
  input.addEventListener("input", () => (draft.values[id] = input.value));
  const field = h("div", { class: "field" },
    h("label", { for: id }, h("code", null, it.name), it.required && h("span", { class: "needed" }, "needed")),
    input,
    name && h("button", { type: "button", class: "small", on: { click: () => { input.value = crypto.randomUUID?.() ?? String(Date.now()); draft.values[id] = input.value; } } }, "Make one"),
    it.description && h("p", { class: "help", id: `${id}-help` }, prose(it.description)));
  if (it.in === "path" && it.name === "id" && connection) {
    const choice = h("datalist", { id: `${id}-known` });
    const refill = () => fill(choice, (ids.get(`${connection.value()} ${entityOf(operation)}`) ?? []).map((each) => h("option", { value: each })));
    input.setAttribute("list", choice.id);
    input.addEventListener("focus", refill);
    const first = ids.get(`${connection.value()} ${entityOf(operation)}`)?.[0];
    if (!input.value && first) {
      input.value = first;
    }
    field.append(choice);
  }
  return {
    element: field,
    at: it.in,
    name: it.name,
    isRequired: it.required === true,
    isList: schema.type === "array",
    input,
    value: () => input.value.trim(),
  };
}

const entityOf = (operation) => operation.name.split(".").slice(0, 2).join(".");

function bodyEditor(operation, draft) {
  const fault = h("p", { class: "problem", role: "alert", id: "body-problem" });
  const area = h("textarea", { id: "body", spellcheck: "false", rows: String(Math.min(Math.max(draft.body.split("\n").length + 1, 5), 22)), "aria-describedby": "body-problem", value: draft.body });
  const check = () => {
    draft.body = area.value;
    try {
      JSON.parse(area.value || "null");
      fault.textContent = "";
      area.removeAttribute("aria-invalid");
      return null;
    } catch (error) {
      area.setAttribute("aria-invalid", "true");
      return `The body is not JSON: ${error.message}`;
    }
  };
  area.addEventListener("input", () => check());
  area.addEventListener("blur", () => (fault.textContent = check() ?? ""));
  return {
    element: h("div", { class: "field" },
      h("div", { class: "row" }, h("label", { for: "body" }, "Body"), h("span", { class: "grow" }),
        h("button", { type: "button", class: "small", on: { click: () => { area.value = JSON.stringify(operation.body.example, null, 2); check(); } } }, "Example"),
        h("button", { type: "button", class: "small", on: { click: () => { if (!check()) { area.value = JSON.stringify(JSON.parse(area.value), null, 2); check(); } } } }, "Tidy")),
      area, fault),
    value: () => area.value,
    fault: check,
    input: area,
  };
}

function faultOf(connection, inputs, body) {
  if (connection && !connection.value() && server.hasKey()) {
    return { message: "Choose a connection.", input: connection.input };
  }
  const missing = inputs.find((it) => it.isRequired && !it.value());
  if (missing) {
    return { message: `${missing.name} is needed.`, input: missing.input };
  }
  const fault = body && body.fault();
  return fault ? { message: fault, input: body.input } : null;
}

function build(operation, connection, inputs, body) {
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  if (connection) {
    headers["x-connection-id"] = connection.value();
  }
  for (const it of inputs) {
    const value = it.value();
    if (it.at === "path") {
      path = path.replace(`{${it.name}}`, encodeURIComponent(value));
    } else if (value && it.at === "query") {
      query.append(it.name, it.isList ? value.split(",").map((each) => each.trim()).join(",") : value);
    } else if (value && it.at === "header") {
      headers[it.name] = value;
    }
  }
  if (body) {
    headers["content-type"] = "application/json";
  }
  const asked = query.toString();
  return { method: operation.method, path: asked ? `${path}?${asked}` : path, headers, body: body ? body.value() : null };
}

function remember(request, operation, body) {
  const records = body?.items ?? (body?.record ? [body.record] : Array.isArray(body) ? body : []);
  const found = records.map((it) => it?.id).filter((it) => typeof it === "string");
  const key = `${request.headers["x-connection-id"]} ${entityOf(operation)}`;
  if (found.length > 0) {
    ids.set(key, [...new Set([...found, ...(ids.get(key) ?? [])])].slice(0, 50));
  }
}

/** The same call for a terminal. Its key is a variable, so that none stands in a history. */
function curl(request) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl", "--request", request.method, "--url", quote(apiAddress() + request.path), "--header", '"x-apikey: $CROSSWALK_KEY"'];
  for (const [name, value] of Object.entries(request.headers)) {
    words.push("--header", quote(`${name}: ${value}`));
  }
  if (request.body) {
    let text = request.body;
    try {
      text = JSON.stringify(JSON.parse(text));
    } catch {
      // As it was written.
    }
    words.push("--data", quote(text));
  }
  return words.join(" ");
}

let address = "";
server.coverage().then((it) => (address = it.api)).catch(() => {});
const apiAddress = () => address;
