// What the port of those who watch answers. The key is kept in this tab alone and sent in a header, never in an address.

const KEY = "crosswalk-key";
let key = sessionStorage.getItem(KEY) ?? "";
const watchers = new Set();

/** `crosswalk demo` prints an address with its key behind `#`, which no server ever sees. */
export function keyFromAddress() {
  const found = /^#key=([^&]+)$/.exec(location.hash);
  if (found) {
    setKey(decodeURIComponent(found[1]));
    history.replaceState(null, "", `${location.pathname}#/try`);
  }
}

export const hasKey = () => key !== "";

export function setKey(value) {
  key = value.trim();
  sessionStorage.setItem(KEY, key);
  watchers.forEach((each) => each());
}

export function onKey(watcher) {
  watchers.add(watcher);
}

/** An answer that was no success, in the words of the API. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `the answer was ${status}`);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, credentials: "omit", cache: "no-store" });
  } catch {
    throw new Refused(0, { message: "the proxy does not answer; is it still running?" });
  }
  const text = await response.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Said by the status.
  }
  if (!response.ok) {
    throw new Refused(response.status, body);
  }
  return body;
}

const withKey = () => (key ? { "x-apikey": key } : {});

export const contract = () => ask("/openapi.json");
export const origins = () => ask("/explorer/origins");
export const coverage = () => ask("/explorer/coverage");
export const connections = () => ask("/explorer/connections", { headers: withKey() });
export const calls = (after) => ask(`/calls?after=${after}`, { headers: withKey() });
export const call = (id) => ask(`/calls/${encodeURIComponent(id)}`, { headers: withKey() });

/** Makes a call of the API. */
export function attempt(request) {
  return ask("/explorer/call", {
    method: "POST",
    headers: { ...withKey(), "content-type": "application/json" },
    body: JSON.stringify(request),
  });
}
