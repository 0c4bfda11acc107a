// One call, told whole: what was asked and answered here, above what it became at the provider. What belongs together
// lights up together, with the line of the mapping that says so.

import { copyButton, duration, fill, h, method, plural, status } from "./dom.js";
import * as origins from "./origins.js";
import { tree } from "./tree.js";

/** `call` is as GET /calls/{id} tells it. */
export function exchange(call) {
  const lines = [];
  const entity = origins.entity(call.provider, call.operation);
  const isKnown = (path) => {
    const { name, isRaw } = origins.field(path);
    return !isRaw && origins.of(entity, name) !== null;
  };
  const line = h("div", { class: "mapping-line" });
  const mapping = h("div", { class: "mapping", "aria-live": "polite" }, line);
  const quiet = () =>
    line.replaceChildren(
      entity
        ? h("span", { class: "hint" }, "Point at a field to see where it comes from.")
        : h("span", { class: "hint" }, "What this operation answers is no record of a mapping."),
    );
  quiet();
  const unified = (value, label) => tree(value, { side: "unified", lines, known: isKnown, label });
  const native = (value, side, label) =>
    value !== null && typeof value === "object" ? tree(value, { side, lines, label }) : text(value);
  const root = h(
    "div",
    { class: "exchange" },
    summary(call),
    mapping,
    h(
      "section",
      { class: "step unified", "aria-label": "Unified call" },
      h("h3", null, "Unified ", h("span", { class: "what" }, call.operation ?? "")),
      sides(
        side("Request", [method(call.request.method), address(call.request.path)], call.request.headers,
          call.request.body !== null && unified(call.request.body, "Unified request"), "No body."),
        side("Answer", [status(call.answer.status)], {},
          call.answer.body !== null && unified(call.answer.body, "Unified answer"), unkept(call, "The answer")),
      ),
    ),
    h("p", { class: "became" }, became(call)),
    call.native.map((each, index) =>
      h(
        "section",
        { class: "step native", "aria-label": `Native call ${index + 1}` },
        h("h3", null, `${index + 1} `, h("span", { class: "what" }, each.operation),
          each.attempt > 1 && h("span", { class: "tag" }, `attempt ${each.attempt}`),
          h("span", { class: "time" }, duration(each.duration_us))),
        timeline(call, each),
        sides(
          side("Request", [method(each.method), address(each.url)], each.headers,
            each.request_body !== null && native(each.request_body, "request", `Native request ${index + 1}`), call.is_full ? "No body." : "Not kept."),
          side("Answer", [status(each.status)], each.response_headers,
            each.response_body !== null && native(each.response_body, "answer", `Native answer ${index + 1}`),
            each.error ?? (call.is_full ? unkept(call, "The answer") : "Not kept.")),
        ),
      ),
    ),
  );
  if (entity) {
    light(root, lines, entity, line, quiet);
  }
  return root;
}

function summary(call) {
  return h(
    "div",
    { class: "summary" },
    status(call.status),
    h("strong", null, duration(call.duration_us)),
    h("span", null, plural(call.native_calls, "native call")),
    call.connection && h("span", { class: "chip" }, call.connection),
    h("span", { class: "id", title: "x-request-id" }, call.request_id),
    copyButton("the request id", call.request_id),
  );
}

function became(call) {
  if (call.native.length > 0) {
    return h("span", null, "became ", plural(call.native.length, "native call"));
  }
  if (call.joined > 0) {
    return h("span", null, "asked nobody: another call under way had the answer");
  }
  return h("span", null, "asked the provider nothing");
}

function unkept(call, what) {
  if (call.is_cut) {
    return `${what} was too large to be kept (limits.recorded_bytes).`;
  }
  return call.is_full ? "No body." : `${what} was not kept. A call with the header x-crosswalk-record: full is kept whole.`;
}

/** What has no body needs less room. */
const sides = (request, answer) =>
  h("div", { class: `sides${request.querySelector(".tree") ? "" : " lean"}` }, request, answer);

/** A list of names breaks between them. */
const breakable = (value) => value.split(/(?<=,)/).map((part) => [part, h("wbr")]);

/** A path or a whole address: its query is told by parameters, as people wrote them. */
function address(value) {
  const [path, ...query] = value.split("?");
  const shown = h("div", { class: "address" }, h("code", null, path));
  if (query.length > 0) {
    const pairs = [...new URLSearchParams(query.join("?"))];
    shown.append(h("dl", null, pairs.map(([name, each]) => [h("dt", null, name), h("dd", null, breakable(each))])));
  }
  return shown;
}

function side(title, head, headers, body, otherwise) {
  const names = Object.entries(headers);
  return h(
    "div",
    { class: "side" },
    h("h4", null, title),
    h("div", { class: "head" }, head),
    names.length > 0 &&
      h("details", { class: "headers" }, h("summary", null, plural(names.length, "header")),
        h("dl", null, names.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]))),
    body || h("p", { class: "note" }, otherwise),
  );
}

function text(value) {
  return h("pre", { class: "tree" }, String(value));
}

/** When within the call it was under way. */
function timeline(call, each) {
  const whole = Math.max(call.duration_us, 1);
  const from = Math.min(Math.max(each.started_us / whole, 0), 1);
  const bar = h("span", { class: "bar-part" });
  bar.style.setProperty("--from", `${(from * 100).toFixed(2)}%`);
  bar.style.setProperty("--long", `${(Math.min(each.duration_us / whole, 1 - from) * 100).toFixed(2)}%`);
  return h("div", { class: "timeline", role: "img", "aria-label": `after ${duration(Math.max(each.started_us, 0))}, for ${duration(each.duration_us)}` }, bar);
}

/** Scrolls the other trees, and them alone, to the first line of each that is lit. */
function bringIn(lit, from) {
  const done = new Set([from.closest(".tree")]);
  for (const line of lit) {
    const tree = line.closest(".tree");
    if (done.has(tree) || line.closest(".inner[hidden]")) {
      continue;
    }
    done.add(tree);
    const [outer, inner] = [tree.getBoundingClientRect(), line.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      tree.scrollTop += inner.top - outer.top - outer.height / 3;
    }
  }
}

/** Lights up what belongs to the field that is pointed at or has the focus. */
function light(root, lines, entity, shown, quiet) {
  const byElement = new Map(lines.map((line) => [line.element, line]));
  const idNatives = entity.fields.id?.native ?? [];
  let lit = [];
  const off = () => {
    lit.forEach((element) => element.classList.remove("lit", "lit-from"));
    lit = [];
  };
  const isNative = (line) => line.side !== "unified" || origins.field(line.path).isRaw;
  /** What a native line is to an origin: null, or the id of the record that it is in, as far as it has one. */
  const place = (line, origin) => {
    const path = line.side === "unified" ? line.path.slice(line.path.indexOf("raw_data") + 1) : line.path;
    const root = line.side === "unified" ? origins.at(line.root, line.path.slice(0, line.path.indexOf("raw_data") + 1)) : line.root;
    for (const native of origin.native) {
      const within = origins.container(path, native);
      if (within) {
        const ids = idNatives.map((each) => origins.at(origins.at(root, within), each.split(".")));
        return { id: ids.find((id) => id !== undefined && id !== null) ?? null };
      }
      // A list of the fields to read, or a filter, names it.
      const last = native.slice(native.lastIndexOf(".") + 1);
      if (line.side === "request" && (line.value === last || line.value === native)) {
        return { id: null };
      }
    }
    return null;
  };
  const show = (origin, recordId, from) => {
    off();
    for (const line of lines) {
      const target = line.element;
      let fits = false;
      if (isNative(line)) {
        const found = place(line, origin);
        fits = found !== null && (found.id === null || recordId === null || String(found.id) === String(recordId));
      } else {
        const { record, name } = origins.field(line.path);
        const own = origins.at(line.root, [...record, "id"]) ?? null;
        const is = name === origin.name;
        fits = is && (own === null || recordId === null || String(own) === String(recordId));
      }
      if (fits) {
        target.classList.add("lit");
        lit.push(target);
      }
    }
    from.classList.add("lit-from");
    lit.push(from);
    fill(
      shown,
      h("span", { class: "file" }, `${origin.file}:${origin.line}`),
      h("code", null, origin.text),
      origin.reason && h("span", { class: "reason" }, origin.reason),
    );
    bringIn(lit, from);
  };
  const point = (event) => {
    const line = byElement.get(event.target.closest?.(".line"));
    if (!line) {
      return;
    }
    if (isNative(line)) {
      for (const [name, each] of Object.entries(entity.fields)) {
        const origin = { ...each, name, file: entity.file };
        const found = each.native.length === 1 || !name.includes(".") ? place(line, origin) : null;
        const best = found && (Object.keys(entity.fields).find((other) => other.startsWith(`${name}.`) && place(line, { native: entity.fields[other].native })) ?? name);
        if (best) {
          show({ ...entity.fields[best], name: best, file: entity.file }, found.id, line.element);
          return;
        }
      }
      off();
      quiet();
      return;
    }
    const { record, name } = origins.field(line.path);
    const origin = origins.of(entity, name);
    if (origin) {
      show(origin, origins.at(line.root, [...record, "id"]) ?? null, line.element);
    } else {
      off();
      quiet();
    }
  };
  root.addEventListener("pointerover", point);
  root.addEventListener("focusin", point);
}
