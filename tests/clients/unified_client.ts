// Calls the API with types that openapi-typescript made of its document. The lines between the marks are in the guide.

// guide:begin
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const headers = { "x-apikey": process.env.CROSSWALK_KEY!, "x-connection-id": "hubspot-demo" };
const crm = createClient<paths>({ baseUrl: process.env.CROSSWALK_URL!, headers });
const { data, error } = await crm.POST("/unified/crm/account/_upsert", {
  body: { upsert_on: { key: "website", values: ["typed.example"] }, record: { name: "Typed", website: "typed.example" } },
});
if (error) throw new Error(error.message);
console.log(data.record.id, data.record.name);
// guide:end

const page = await crm.GET("/unified/crm/account", { params: { query: { page_size: 2, sync_mode: "full" } } });
const names: (string | null | undefined)[] = page.data!.items.map((account) => account.name);
const none = await crm.GET("/unified/crm/account/{id}", { params: { path: { id: "0" } } });
const code: string | undefined = none.error?.code;
// @ts-expect-error the types know every field, and no other
const wrong = page.data!.items[0].no_such_field;
if (names.length !== 2 || code !== "NOT_FOUND" || none.response.status !== 404 || wrong !== undefined) {
  throw new Error(JSON.stringify([names, code, none.response.status]));
}
