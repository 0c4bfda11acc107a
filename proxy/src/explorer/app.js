// The frame of the page: which view is shown, the key, the theme.

import { fill, h, problem } from "./dom.js";
import * as server from "./server.js";
import { view as attempt } from "./try.js";
import { view as live } from "./live.js";
import { view as connections } from "./connections.js";
import { view as coverage } from "./coverage.js";

const VIEWS = { try: attempt, live, connections, coverage };
const TITLES = { try: "Try", live: "Live", connections: "Connections", coverage: "Coverage" };
const main = document.getElementById("main");
let shown = 0;

async function show() {
  const [name, ...words] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const view = VIEWS[name] ? name : "try";
  shown += 1;
  const own = shown;
  document.title = `${TITLES[view]} · Crosswalk explorer`;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  try {
    await VIEWS[view](main, words, () => own === shown);
  } catch (error) {
    if (own === shown) {
      fill(main, h("div", { class: "page" }, problem(error)));
    }
  }
}

function themes() {
  const button = document.getElementById("theme");
  const names = ["system", "light", "dark"];
  const marks = { system: "◐", light: "☀", dark: "☾" };
  let theme = localStorage.getItem("crosswalk-theme") ?? "system";
  const set = () => {
    if (theme === "system") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = theme;
    }
    button.textContent = marks[theme];
    const words = theme === "system" ? "as the system has it" : theme;
    button.setAttribute("aria-label", `Theme: ${words}`);
    button.title = `Theme: ${words}`;
  };
  button.addEventListener("click", () => {
    theme = names[(names.indexOf(theme) + 1) % names.length];
    localStorage.setItem("crosswalk-theme", theme);
    set();
  });
  set();
}

function keys() {
  const [button, dialog, value, wrong] = ["key", "ask-key", "key-value", "key-problem"].map((id) => document.getElementById(id));
  const tell = () => {
    button.textContent = server.hasKey() ? "Key ✓" : "Give a key";
    button.classList.toggle("main", !server.hasKey());
    button.setAttribute("aria-label", server.hasKey() ? "API key: given. Change it" : "Give an API key");
  };
  button.addEventListener("click", () => {
    value.value = "";
    wrong.textContent = "";
    dialog.showModal();
    value.focus();
  });
  document.getElementById("key-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    server.setKey(value.value);
    try {
      await server.calls(0);
      dialog.close();
      show();
    } catch (error) {
      wrong.textContent = error.message;
      server.setKey("");
      value.focus();
    }
  });
  server.onKey(tell);
  tell();
}

server.keyFromAddress();
themes();
keys();
document.querySelector("[data-skip]").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => {
  server.keyFromAddress();
  show();
});
show();
