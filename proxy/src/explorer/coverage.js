// Which provider has what, field by field, with the line of the mapping and the reason where there is none.

import { fill, h } from "./dom.js";
import * as contract from "./contract.js";
import * as origins from "./origins.js";
import * as server from "./server.js";

export async function view(main, [wanted]) {
  const [told, operations, table] = await Promise.all([server.coverage(), contract.operations(), origins.load()]);
  const providers = told.providers;
  const entities = [...new Set(providers.flatMap((it) => it.entities.map((entity) => entity.name)))];
  const words = h("input", { type: "search", placeholder: "Find a field or a native name", "aria-label": "Find a field", on: { input: () => draw() } });
  const tables = h("div");
  const draw = () => {
    const wish = words.value.toLowerCase();
    const shown = entities.filter((it) => !wanted || it === wanted).map((name) => fields(name, providers, table, wish)).filter(Boolean);
    fill(tables, shown.length > 0 ? shown : h("p", { class: "note" }, "No field fits."));
  };
  draw();
  const own = operations.filter((it) => !it.isOwn);
  fill(
    main,
    h(
      "div",
      { class: "page" },
      h("h1", null, "Coverage"),
      h("nav", { class: "jump", "aria-label": "Entities" },
        h("a", { href: "#/coverage", "aria-current": wanted ? null : "page" }, "All"),
        entities.map((it) => h("a", { href: `#/coverage/${it}`, "aria-current": it === wanted ? "page" : null }, it.replace(/^crm\./, "")))),
      !wanted && [
        h("h2", null, "Operations"),
        h("div", { class: "table" }, h("table", { class: "tight" },
          h("thead", null, h("tr", null, h("th", { scope: "col" }, "Operation"), providers.map((it) => h("th", { scope: "col" }, it.title)))),
          h("tbody", null, own.map((operation) => h("tr", null,
            h("th", { scope: "row" }, h("a", { href: `#/try/${operation.name}` }, h("code", null, operation.name))),
            providers.map((it) => h("td", null, it.operations.includes(operation.name) ? h("span", { class: "yes" }, "yes") : h("span", { class: "no" }, "no")))))))),
      ],
      h("div", { class: "row" }, h("h2", null, "Fields"), h("span", { class: "grow" }), words),
      tables,
    ),
  );
}

function fields(name, providers, table, wish) {
  const own = providers.map((it) => it.entities.find((entity) => entity.name === name));
  const names = [...new Set(own.flatMap((it) => it?.fields.map((field) => field.name) ?? []))];
  const rows = names
    .map((field) => [field, own.map((entity) => entity?.fields.find((it) => it.name === field))])
    .filter(([field, cells]) => `${name}.${field} ${cells.flatMap((it) => it?.native_fields ?? []).join(" ")}`.toLowerCase().includes(wish));
  if (rows.length === 0) {
    return null;
  }
  return h("section", { "aria-label": name },
    h("h3", null, name),
    h("div", { class: "table" }, h("table", { class: "fields" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Field"), providers.map((it, index) => h("th", { scope: "col" }, it.title, own[index] && h("span", { class: "sub" }, ` ${own[index].native_object}`))))),
      h("tbody", null, rows.map(([field, cells]) => h("tr", null,
        h("th", { scope: "row" }, h("code", null, field)),
        cells.map((cell, index) => h("td", null, told(cell, table[providers[index].name]?.[name], field)))))))));
}

function told(cell, entity, field) {
  if (!cell) {
    return h("span", { class: "no" }, "no");
  }
  const origin = entity?.fields[field];
  const can = [cell.read && "read", cell.create && "create", cell.update && "update"].filter(Boolean).join(", ");
  return [
    cell.native_fields.length > 0 && h("div", { class: "natives" }, cell.native_fields.map((it) => h("code", null, it))),
    h("span", { class: can ? "yes" : "no" }, can || "no"),
    cell.reason && h("span", { class: "reason" }, ` ${cell.reason}`),
    origin && h("div", { class: "sub" }, `${entity.file.split("/").slice(1).join("/")}:${origin.line}`),
  ];
}
