// The last calls as they come, and any of them whole.

import { duration, empty, fill, h, problem, status } from "./dom.js";
import { exchange } from "./exchange.js";
import * as origins from "./origins.js";
import * as server from "./server.js";

const PAUSE = 1500;
const MOST_ROWS = 500;

export async function view(main, _words, alive) {
  if (!server.hasKey()) {
    fill(main, needsKey("the calls that were made"));
    return;
  }
  await origins.load();
  let calls = [];
  let last = 0;
  let isPaused = false;
  let chosen = null;
  const rows = h("tbody");
  const detail = h("section", { class: "pane result-pane", "aria-label": "The call" });
  const nothing = h("p", { class: "note" });
  const words = h("input", { type: "search", placeholder: "Operation, connection, request id …", "aria-label": "Only calls with these words", on: { input: () => draw() } });
  const only = h("select", { "aria-label": "Only calls that ended so", on: { change: () => draw() } },
    [["", "All"], ["ok", "Done"], ["4", "Refused (4xx)"], ["5", "Failed (5xx)"]].map(([value, text]) => h("option", { value }, text)));
  const pause = h("button", { type: "button", class: "plain", "aria-pressed": "false", on: { click: () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Go on" : "Pause";
  } } }, "Pause");
  const fits = (call) => {
    const text = [call.operation, call.connection, call.provider, call.request_id, call.path, call.code, call.status].join(" ").toLowerCase();
    const isWanted = only.value === "" || (only.value === "ok" ? call.status < 400 : String(call.status).startsWith(only.value));
    return isWanted && words.value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  };
  const draw = () => {
    const found = calls.filter(fits);
    fill(rows, found.map((call) => row(call, call === chosen, () => {
      chosen = call;
      draw();
      open(call);
    })));
    nothing.textContent = calls.length === 0 ? "No call yet. They appear here as they end." : found.length === 0 ? "No call fits." : "";
  };
  const open = async (call) => {
    fill(detail, h("p", { class: "note waiting" }, "…"));
    try {
      fill(detail, exchange(await server.call(call.request_id)));
    } catch (error) {
      fill(detail, problem(error));
    }
  };
  fill(detail, empty("Choose a call", "Bodies are there of calls that were made here, or with the header x-crosswalk-record: full."));
  fill(main, h("div", { class: "panes live" },
    h("section", { class: "pane log-pane", "aria-label": "Calls" },
      h("h1", null, "Live"),
      h("div", { class: "row filters" }, words, only, pause),
      h("div", { class: "table" }, h("table", null, h("thead", null, h("tr", null, ["Time", "Status", "Operation", "Connection", "Took", "Native"].map((it) => h("th", { scope: "col", class: it === "Took" || it === "Native" ? "number" : null }, it)))), rows)),
      nothing),
    detail));
  draw();
  while (alive()) {
    if (!isPaused && !document.hidden) {
      try {
        const told = await server.calls(last);
        if (!alive()) {
          return;
        }
        last = told.last;
        if (told.is_recording === false) {
          nothing.textContent = "Calls are not recorded (limits.recorded_calls is 0).";
          return;
        }
        if (told.calls.length > 0) {
          calls = [...told.calls, ...calls].slice(0, MOST_ROWS);
          draw();
        }
      } catch (error) {
        nothing.textContent = error.message;
      }
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

function row(call, isChosen, choose) {
  const time = new Date(call.started_at);
  return h("tr", { class: isChosen ? "chosen" : null },
    h("td", { class: "time" }, time.toLocaleTimeString(undefined, { hour12: false })),
    h("td", null, status(call.status)),
    h("td", null, h("button", { type: "button", class: "link", "aria-current": isChosen ? "true" : null, on: { click: choose } }, call.operation ?? `${call.method} ${call.path}`),
      call.is_full && h("span", { class: "dot", title: "kept whole" }, " ●"), call.code && h("span", { class: "sub" }, call.code)),
    h("td", null, call.connection ?? "–"),
    h("td", { class: "number" }, duration(call.duration_us)),
    h("td", { class: "number" }, String(call.native_calls)));
}

export function needsKey(what) {
  return empty("An API key is needed", `It shows ${what}, which is not for everybody who reaches this port.`,
    h("p", null, h("button", { type: "button", class: "main", on: { click: () => document.getElementById("key").click() } }, "Give a key")));
}
