// JSON as lines that can be read, folded, and lit up.

import { h } from "./dom.js";

const MOST_LINES = 1500;
const FOLDED = new Set(["raw_data", "raw"]);

/**
 * Shows a value. `known(path)` says whether a member is to be reached by keyboard; every line is told to `lines`
 * as { element, path, value, side, root }.
 */
export function tree(value, { side, lines, known = () => false, label }) {
  const root = h("div", { class: "tree", role: "group", "aria-label": label });
  const context = { side, lines, known, root: value, left: MOST_LINES };
  show(context, root, null, value, [], "");
  if (context.left <= 0) {
    root.append(h("p", { class: "note" }, "Too long to be shown whole."));
  }
  return root;
}

function show(context, into, name, value, path, comma) {
  context.left -= 1;
  if (context.left <= 0) {
    return;
  }
  const isList = Array.isArray(value);
  const isOpenable = value !== null && typeof value === "object" && Object.keys(value).length > 0;
  const line = h("div", { class: "line" });
  if (typeof name === "string") {
    line.append(h("span", { class: "name" }, JSON.stringify(name)), ": ");
  }
  if (path.length > 0) {
    context.lines.push({ element: line, path, value, side: context.side, root: context.root });
    if (context.known(path)) {
      line.tabIndex = 0;
      line.classList.add("known");
    }
  }
  into.append(line);
  if (!isOpenable) {
    line.append(leaf(value), comma);
    return;
  }
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  const entries = isList ? value.map((it, index) => [index, it]) : Object.entries(value);
  const inner = h("div", { class: "inner" });
  const end = h("div", { class: "line" }, close + comma);
  const count = isList ? `${entries.length}` : `${entries.length}`;
  const toggle = h("button", { type: "button", class: "fold" });
  const more = h("span", { class: "more" }, ` ${count} … ${close}${comma}`);
  const fold = (isFolded) => {
    inner.hidden = isFolded;
    end.hidden = isFolded;
    more.hidden = !isFolded;
    toggle.setAttribute("aria-expanded", String(!isFolded));
    toggle.setAttribute("aria-label", `${isFolded ? "Unfold" : "Fold"} ${name ?? "the value"}`);
  };
  toggle.addEventListener("click", () => fold(!inner.hidden));
  line.prepend(toggle);
  line.append(open, more);
  entries.forEach(([key, each], index) => {
    show(context, inner, key, each, [...path, key], index + 1 < entries.length ? "," : "");
  });
  into.append(inner, end);
  fold(FOLDED.has(name));
}

function leaf(value) {
  if (value !== null && typeof value === "object") {
    return Array.isArray(value) ? "[]" : "{}";
  }
  const kind = value === null ? "null" : typeof value;
  return h("span", { class: `value ${kind}` }, JSON.stringify(value));
}

/** Opens whatever hides a line. */
export function reveal(element) {
  for (let inner = element.closest(".inner[hidden]"); inner; inner = element.closest(".inner[hidden]")) {
    inner.previousElementSibling.querySelector(".fold").click();
  }
}
