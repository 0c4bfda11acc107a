// What the scripts compare with: the first mismatch ends the script and says what was expected.

import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

/** A setting that the test harness gives by the environment, such as SANDBOX_URL. */
export function setting(name) {
  return process.env[name] || fail(`${name} is not set`);
}

/** A library from the folder that CLIENT_LIBRARIES names: import would look beside the script only. */
export function library(name) {
  return createRequire(join(setting("CLIENT_LIBRARIES"), "package.json"))(name);
}

export function fail(message) {
  console.error(`${basename(process.argv[1])}: ${message}`);
  process.exit(1);
}

export function equal(what, found, expected) {
  if (!isDeepStrictEqual(found, expected)) {
    fail(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  }
}

export function holds(what, truth, found) {
  if (!truth) {
    fail(`${what} does not hold: ${JSON.stringify(found)}`);
  }
}

/** Expects the promise to be rejected with an error of exactly this class's name, and gives it. */
export async function rejected(what, kind, promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (error.constructor.name !== kind) {
      fail(`${what}: expected ${kind}, found ${error.constructor.name}: ${error.message}`);
    }
    return error;
  }
  return fail(`${what}: expected ${kind}, found ${JSON.stringify(value)}`);
}
