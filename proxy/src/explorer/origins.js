// Which mapping line is behind a field, and which native members the line is about.

import * as server from "./server.js";

let table = null;

export async function load() {
  table ??= await server.origins();
  return table;
}

/** What is known of the entity of an operation at a provider; null where its answers are no records. */
export function entity(provider, operation) {
  const words = (operation ?? "").split(".");
  return table?.[provider]?.[words.slice(0, 2).join(".")] ?? null;
}

/** Where a unified path leads: the record that it is in, and the field's name as the table has it. */
export function field(path) {
  let at = 0;
  if (typeof path[0] === "number") {
    at = 1;
  } else if (path[0] === "items" || path[0] === "records") {
    at = 2;
  } else if (path[0] === "record") {
    at = 1;
  }
  const name = path.slice(at).filter((it) => typeof it === "string");
  return { record: path.slice(0, at), name: name.join("."), isRaw: name[0] === "raw_data" };
}

/** The origin of a field by its name: that of a member of an entry, or of what it is in. */
export function of(entity, name) {
  if (!entity || !name) {
    return null;
  }
  for (let at = name; at; at = at.slice(0, Math.max(at.lastIndexOf("."), 0))) {
    const found = entity.fields[at];
    if (found) {
      return { ...found, name: at, file: entity.file };
    }
  }
  return null;
}

/** Whether a native path ends as a mapping says; then the path of the record that it is in. */
export function container(path, native) {
  const names = native.split(".");
  const end = path.slice(-names.length);
  const fits = end.length === names.length && end.every((it, index) => it === names[index]);
  return fits ? path.slice(0, -names.length) : null;
}

export function at(value, path) {
  return path.reduce((inner, name) => inner?.[name], value);
}
