// The OpenAPI document, as far as forms need it.

import * as server from "./server.js";

let document_ = null;

/** The document's operations, in its order, by groups. */
export async function load() {
  document_ ??= await server.contract();
  return document_;
}

export function resolve(value) {
  let found = value;
  while (found?.$ref) {
    found = found.$ref.slice(2).split("/").reduce((at, name) => at?.[name.replaceAll("~1", "/")], document_);
  }
  return found ?? {};
}

export async function operations() {
  const document = await load();
  const found = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.operationId) {
        continue;
      }
      const parameters = [...(operation.parameters ?? []), ...(methods.parameters ?? [])].map(resolve);
      const body = operation.requestBody && resolve(operation.requestBody);
      found.push({
        name: operation["x-operation"] ?? operation.operationId,
        isOwn: operation["x-own"] === true,
        needsConnection: operation["x-own"] !== true || (operation.security ?? document.security).some((it) => it.connectionId),
        method: method.toUpperCase(),
        path,
        summary: operation.summary,
        description: operation.description,
        group: group(operation),
        parameters,
        body: body && { example: example(body), isRequired: body.required === true },
        answer: example(resolve(operation.responses["200"])),
      });
    }
  }
  return found;
}

/** `crm.account.list` is one of the accounts; what is no record is by its tag. */
function group(operation) {
  const words = (operation["x-operation"] ?? "").split(".");
  const name = words.length === 3 ? words[1] : operation.tags?.[0] ?? "Other";
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}

function example(content) {
  const media = content?.content?.["application/json"];
  if (!media) {
    return undefined;
  }
  if (media.example !== undefined) {
    return media.example;
  }
  const first = Object.values(media.examples ?? {})[0];
  return first && resolve(first).value;
}
