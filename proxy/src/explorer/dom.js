// Elements by hand: texts are texts, so that nothing of an answer can become markup.

/** An element with attributes, listeners (`on: { click }`) and children; what is null or false is left out. */
export function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (key === "value" || key === "checked" || key === "selected") {
      element[key] = value;
    } else {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  add(element, children);
  return element;
}

export function add(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child);
    }
  }
  return element;
}

/** Puts children in the place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** A text of the contract: what stands between backticks is code. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? h("code", null, part) : part));
}

/** Says something that only who listens to the page would miss otherwise. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

export function copyButton(what, text) {
  const button = h("button", { type: "button", class: "small", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
      say(`${what} is copied`);
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

export function method(name) {
  return h("span", { class: `method ${name.toLowerCase()}` }, name === "DELETE" ? "DEL" : name);
}

export function status(code) {
  const kind = code === null || code === undefined ? "none" : code === 499 ? "none" : `s${Math.floor(code / 100)}`;
  return h("span", { class: `status ${kind}` }, code === null || code === undefined ? "no answer" : String(code));
}

export function duration(microseconds) {
  if (microseconds < 1000) {
    return `${microseconds} µs`;
  }
  const milliseconds = microseconds / 1000;
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms`
    : milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

export function empty(title, ...more) {
  return h("div", { class: "empty" }, h("h2", null, title), ...more.map((it) => (typeof it === "string" ? h("p", null, it) : it)));
}

/** An element for a problem that the server told of. */
export function problem(error) {
  return h("p", { class: "problem", role: "alert" }, error.message);
}
