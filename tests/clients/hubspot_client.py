"""Drives the sandbox's HubSpot through hubspot-api-client, HubSpot's own library for Python."""

import json

import requests
from check import equal, holds, raises, setting
from hubspot import HubSpot
from hubspot.crm import companies, contacts, owners, properties
from hubspot.oauth import ApiException as TokenRefused

URL = setting("SANDBOX_URL")
CLIENT = {
    "client_id": setting("SANDBOX_CLIENT_ID"),
    "client_secret": setting("SANDBOX_CLIENT_SECRET"),
}


def refused(error):
    """Status, category and message of what the library raised."""
    body = json.loads(error.body)
    equal("an error's status field", body["status"], "error")
    holds("an error has a correlation id", body["correlationId"], body)
    equal(
        "the correlation id's header",
        error.headers["x-hubspot-correlation-id"],
        body["correlationId"],
    )
    return error.status, body.get("category"), body["message"]


def authenticate():
    """Refreshes a token, and shows what a bad refresh token and a bad access token raise."""
    anonymous = HubSpot(host=URL)
    tokens = anonymous.oauth.tokens_api
    with raises("a bad refresh token", TokenRefused) as caught:
        tokens.create(grant_type="refresh_token", refresh_token="gone", **CLIENT)
    equal("its status", caught[0].status, 400)
    equal("its code", json.loads(caught[0].body)["status"], "BAD_REFRESH_TOKEN")

    fresh = tokens.create(
        grant_type="refresh_token", refresh_token=setting("SANDBOX_REFRESH_TOKEN"), **CLIENT
    )
    equal("a token's type and life", (fresh.token_type, fresh.expires_in), ("bearer", 1800))
    known = anonymous.oauth.access_tokens_api.get(fresh.access_token)
    equal("the token that is told about", known.token, fresh.access_token)
    holds("it may write companies", "crm.objects.companies.write" in known.scopes, known.scopes)
    refreshed = HubSpot(access_token=fresh.access_token, host=URL)
    equal("a page by it", len(refreshed.crm.companies.basic_api.get_page(limit=2).results), 2)

    with raises("a bad access token", companies.exceptions.UnauthorizedException) as caught:
        HubSpot(access_token="nonsense", host=URL).crm.companies.basic_api.get_page()
    equal("its category", refused(caught[0])[:2], (401, "INVALID_AUTHENTICATION"))


def companies_one_by_one(hubspot):
    """Creates, gets, updates, archives; and what each refuses."""
    api = hubspot.crm.companies.basic_api
    created = api.create(
        companies.SimplePublicObjectInputForCreate(
            properties={"name": "Alder & Rowe", "domain": "alderrowe.example", "city": "Cork"}
        )
    )
    equal("a new company's name", created.properties["name"], "Alder & Rowe")
    equal("its own id among its properties", created.properties["hs_object_id"], created.id)

    got = api.get_by_id(created.id, properties=["name", "city", "phone", "no_such_property"])
    equal("a company's city", got.properties["city"], "Cork")
    equal("an unset property", got.properties["phone"], None)
    holds("an unknown one is left out", "no_such_property" not in got.properties, got.properties)
    equal("a row that is not archived", got.archived, False)
    holds("its times are times", got.created_at <= got.updated_at, got)

    updated = api.update(
        created.id, companies.SimplePublicObjectInput(properties={"city": "", "phone": "+353 1"})
    )
    equal("a written property", updated.properties["phone"], "+353 1")
    got = api.get_by_id(created.id, properties=["city", "phone", "name"])
    equal("a cleared property", got.properties["city"], None)
    equal("a property left alone", got.properties["name"], "Alder & Rowe")

    with raises("an unknown property", companies.ApiException) as caught:
        api.update(created.id, companies.SimplePublicObjectInput(properties={"shoe_size": "9"}))
    status, category, message = refused(caught[0])
    equal("its category", (status, category), (400, "VALIDATION_ERROR"))
    prefix, _, inside = message.partition(": ")
    equal("its message's beginning", prefix, "Property values were not valid")
    fault = json.loads(inside)[0]
    equal("its property", (fault["name"], fault["error"]), ("shoe_size", "PROPERTY_DOESNT_EXIST"))

    api.archive(created.id)
    with raises("an archived company", companies.exceptions.NotFoundException) as caught:
        api.get_by_id(created.id)
    equal("its category", refused(caught[0])[:2], (404, "OBJECT_NOT_FOUND"))
    equal("it, asked for as such", api.get_by_id(created.id, archived=True).archived, True)
    with raises("an id that never was", companies.exceptions.NotFoundException) as caught:
        api.get_by_id("999999999")
    equal("its category", refused(caught[0])[:2], (404, "OBJECT_NOT_FOUND"))


def companies_by_pages(hubspot):
    """Pages and searches through all companies."""
    api = hubspot.crm.companies
    first = api.basic_api.get_page(limit=10, properties=["name"])
    equal("a page's rows", len(first.results), 10)
    second = api.basic_api.get_page(limit=10, after=first.paging.next.after)
    ids = [row.id for row in api.get_all()]
    equal("two pages", [row.id for row in first.results + second.results], ids[:20])
    equal("the order of a list", ids, sorted(ids, key=int))
    last = api.basic_api.get_page(limit=100)
    equal("the last page's paging", last.paging, None)

    def search(**what):
        return api.search_api.do_search(companies.PublicObjectSearchRequest(**what))

    def where(*filters):
        return [companies.FilterGroup(filters=[companies.Filter(**each) for each in filters])]

    everything = search(limit=10, sorts=["-createdate"])
    equal("a search's total", everything.total, len(ids))
    equal("the offset of its next page", everything.paging.next.after, "10")
    next_page = search(limit=10, sorts=["-createdate"], after="10")
    seen = {row.id for row in everything.results + next_page.results}
    equal("rows of two pages", len(seen), 20)

    found = search(
        filter_groups=where(
            {"property_name": "domain", "operator": "EQ", "value": "haldenmarine.example"}
        ),
        properties=["domain", "name"],
    )
    equal(
        "found by domain",
        [row.properties["name"] for row in found.results],
        ["Halden Marine Systems"],
    )
    found = search(
        filter_groups=where(
            {
                "property_name": "domain",
                "operator": "IN",
                "values": ["haldenmarine.example", "kestrelpike.example"],
            },
            {"property_name": "city", "operator": "HAS_PROPERTY"},
        )
    )
    equal("found by a list", found.total, 2)
    found = search(
        filter_groups=where(
            {"property_name": "name", "operator": "CONTAINS_TOKEN", "value": "halden*"}
        )
    )
    equal("found by a word's beginning", found.total, 1)
    unknown = {"property_name": "no_such", "operator": "EQ", "value": "1"}
    for what, filters in (
        ("an unknown property", where(unknown)),
        ("IN without values", where({"property_name": "name", "operator": "IN"})),
    ):
        with raises(f"a search by {what}", companies.ApiException) as caught:
            search(filter_groups=filters)
        equal(f"the category for {what}", refused(caught[0])[:2], (400, "VALIDATION_ERROR"))


def companies_in_batches(hubspot):
    """Creates, reads, updates and archives in batches, whose results come in any order."""
    api = hubspot.crm.companies.batch_api
    names = [f"Batch {number}" for number in range(3)]
    created = api.create(
        companies.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[{"properties": {"name": name}} for name in names]
        )
    )
    equal("a batch's state", created.status, "COMPLETE")
    ids = {row.properties["name"]: row.id for row in created.results}
    equal("the created companies", sorted(ids), names)

    def read(*wanted):
        return api.read(
            companies.BatchReadInputSimplePublicObjectId(
                inputs=[{"id": id} for id in wanted],
                properties=["name"],
                properties_with_history=[],
            )
        )

    found = read(*ids.values())
    equal("the rows read", {row.properties["name"]: row.id for row in found.results}, ids)
    equal("their class", type(found).__name__, "BatchResponseSimplePublicObject")

    updated = api.update(
        companies.BatchInputSimplePublicObjectBatchInput(
            inputs=[{"id": id, "properties": {"city": name}} for name, id in ids.items()]
        )
    )
    equal("the updated cities", sorted(row.properties["city"] for row in updated.results), names)

    api.archive(companies.BatchInputSimplePublicObjectId(inputs=[{"id": ids["Batch 2"]}]))
    partly = read(*ids.values())
    equal(
        "its class when some are missing",
        type(partly).__name__,
        "BatchResponseSimplePublicObjectWithErrors",
    )
    equal(
        "the rows that are left",
        sorted(row.properties["name"] for row in partly.results),
        names[:2],
    )
    equal("the number of errors", (partly.num_errors, len(partly.errors)), (1, 1))
    equal("the category of the missing", partly.errors[0].category, "OBJECT_NOT_FOUND")
    equal("the missing", partly.errors[0].context["ids"], [ids["Batch 2"]])


def companies_by_own_key(hubspot):
    """Defines a property with unique values, upserts by it, and merges."""
    definition = hubspot.crm.properties.core_api.create(
        "companies",
        properties.PropertyCreate(
            name="erp_id",
            label="ERP id",
            type="string",
            field_type="text",
            group_name="companyinformation",
            has_unique_value=True,
        ),
    )
    equal("the definition", (definition.name, definition.has_unique_value), ("erp_id", True))

    api = hubspot.crm.companies

    def upsert(**names):
        inputs = [
            {"id": key, "idProperty": "erp_id", "properties": {"name": name}}
            for key, name in names.items()
        ]
        answer = api.batch_api.upsert(
            companies.BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs)
        )
        return {row.properties["name"]: (row.id, row.new) for row in answer.results}

    first = upsert(E1="Elm", E2="Fir")
    equal(
        "what an upsert creates",
        {name: new for name, (_, new) in first.items()},
        {"Elm": True, "Fir": True},
    )
    second = upsert(E2="Fir 2", E3="Gum")
    equal("what it updates", second["Fir 2"], (first["Fir"][0], False))
    holds("what it creates", second["Gum"][1], second)
    got = api.basic_api.get_by_id("E2", id_property="erp_id", properties=["name"])
    equal("the row of a key", (got.id, got.properties["name"]), (first["Fir"][0], "Fir 2"))

    gum, elm = second["Gum"][0], first["Elm"][0]
    merged = api.basic_api.merge(
        companies.PublicMergeInput(primary_object_id=elm, object_id_to_merge=gum)
    )
    equal("the merged company", api.basic_api.get_by_id(merged.id).properties["name"], "Elm")


def contacts_by_email(hubspot):
    """Contacts are unique by email."""
    api = hubspot.crm.contacts.basic_api
    email = "Nora.Quill@alderrowe.example"
    created = api.create(
        contacts.SimplePublicObjectInputForCreate(properties={"email": email, "firstname": "Nora"})
    )
    equal("an email is kept in lower case", created.properties["email"], email.lower())
    with raises("the same email again", contacts.ApiException) as caught:
        api.create(contacts.SimplePublicObjectInputForCreate(properties={"email": email}))
    equal(
        "the conflict",
        refused(caught[0]),
        (409, "CONFLICT", f"Contact already exists. Existing ID: {created.id}"),
    )
    got = api.get_by_id(email, id_property="email", properties=["firstname"])
    equal("the contact with an email", (got.id, got.properties["firstname"]), (created.id, "Nora"))
    api.update(
        email,
        contacts.SimplePublicObjectInput(properties={"lastname": "Quill"}),
        id_property="email",
    )
    got = api.get_by_id(created.id, properties=["lastname"])
    equal("updated by email", got.properties["lastname"], "Quill")
    company = hubspot.crm.companies.basic_api.get_page(limit=1).results[0]
    to_company = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}
    linked = api.create(
        contacts.SimplePublicObjectInputForCreate(
            properties={"email": "ben@alderrowe.example"},
            associations=[{"to": {"id": company.id}, "types": [to_company]}],
        )
    )
    got = api.get_by_id(linked.id, associations=["companies"])
    links = got.associations["companies"].results
    equal("a contact's company", {link.id for link in links}, {company.id})
    with raises("no contact with an email", contacts.exceptions.NotFoundException) as caught:
        api.get_by_id("nobody@alderrowe.example", id_property="email")
    equal("its status", caught[0].status, 404)


def what_is_there(hubspot):
    """Owners and property definitions."""
    page = hubspot.crm.owners.owners_api.get_page(limit=2)
    equal("a page of owners", len(page.results), 2)
    one = hubspot.crm.owners.owners_api.get_by_id(int(page.results[0].id))
    equal("one owner", one.email, page.results[0].email)
    after = hubspot.crm.owners.owners_api.get_page(limit=2, after=page.paging.next.after)
    holds(
        "another page",
        {row.id for row in after.results}.isdisjoint({row.id for row in page.results}),
    )
    with raises("an unknown owner", owners.exceptions.NotFoundException) as caught:
        hubspot.crm.owners.owners_api.get_by_id(1)
    equal("its status", caught[0].status, 404)

    api = hubspot.crm.properties.core_api
    known = {each.name: each for each in api.get_all("companies").results}
    equal("a property's type", known["numberofemployees"].type, "number")
    equal("one by its name", api.get_by_name("companies", "domain").label, known["domain"].label)
    with raises(
        "an unknown property's definition", properties.exceptions.NotFoundException
    ) as caught:
        api.get_by_name("companies", "shoe_size")
    equal("its status", caught[0].status, 404)


def too_many_calls(hubspot):
    """The limit of ten seconds, as the control endpoints set it."""
    limit = {"rate_limits": {"burst_per_10s": 1}}
    requests.patch(f"{URL}/_sandbox/settings", json=limit).raise_for_status()
    with raises("the call too many", companies.ApiException) as caught:
        for _ in range(2):
            hubspot.crm.companies.basic_api.get_page(limit=1)
    equal("its status", refused(caught[0])[0], 429)
    equal("the policy", json.loads(caught[0].body)["policyName"], "TEN_SECONDLY_ROLLING")
    equal("its header", caught[0].headers["x-hubspot-ratelimit-max"], "1")


def main():
    authenticate()
    hubspot = HubSpot(access_token=setting("SANDBOX_ACCESS_TOKEN"), host=URL)
    companies_one_by_one(hubspot)
    companies_by_pages(hubspot)
    companies_in_batches(hubspot)
    companies_by_own_key(hubspot)
    contacts_by_email(hubspot)
    what_is_there(hubspot)
    too_many_calls(hubspot)
    print("hubspot-api-client: all as expected")


main()
