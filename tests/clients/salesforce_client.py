"""Drives the sandbox's Salesforce through simple-salesforce."""

from urllib.parse import urlsplit

import requests
from check import equal, holds, raises, setting
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

URL = setting("SANDBOX_URL")
VERSION = "59.0"


class ToSandbox(HTTPAdapter):
    """The library knows https only, and logs in at salesforce.com; here all goes to the sandbox."""

    def send(self, request, **kwargs):
        asked = urlsplit(request.url)
        request.url = URL + asked.path + (f"?{asked.query}" if asked.query else "")
        return super().send(request, **kwargs)


def session():
    made = requests.Session()
    made.mount("https://", ToSandbox())
    return made


def by_token(token):
    return Salesforce(instance_url=URL, session_id=token, session=session(), version=VERSION)


def refused(error):
    """Status, code and message of what the library raised."""
    equal("an error's entries", len(error.content), 1)
    return error.status, error.content[0]["errorCode"], error.content[0]["message"]


def authenticate():
    """Logs in with client credentials, and logs in again when the session is over."""
    with raises("a wrong secret", SalesforceAuthenticationFailed) as caught:
        by_secret("wrong")
    equal("its code", caught[0].code, "invalid_client")
    equal("its message", caught[0].auth_message, "invalid client credentials")

    with raises("a bad session", SalesforceExpiredSession) as caught:
        by_token("00DSANDBOX!nobody").query("SELECT Id FROM Account")
    equal(
        "its words", refused(caught[0]), (401, "INVALID_SESSION_ID", "Session expired or invalid")
    )

    salesforce = by_secret(setting("SANDBOX_CLIENT_SECRET"))
    equal("the instance", salesforce.sf_instance, urlsplit(URL).netloc)
    first = salesforce.session_id
    equal("a page by it", len(salesforce.query("SELECT Id FROM Account LIMIT 2")["records"]), 2)
    used = salesforce.api_usage["api-usage"]
    holds("the calls of a day are counted", 0 < used.used < used.total, used)

    requests.post(f"{URL}/_sandbox/expire_tokens").raise_for_status()
    equal(
        "a page by the next", len(salesforce.query("SELECT Id FROM Account LIMIT 2")["records"]), 2
    )
    holds("the library asked for another session", salesforce.session_id != first, first)
    return salesforce


def by_secret(secret):
    return Salesforce(
        consumer_key=setting("SANDBOX_CLIENT_ID"),
        consumer_secret=secret,
        domain="sandbox.my",
        session=session(),
        version=VERSION,
    )


def accounts_one_by_one(salesforce):
    """Creates, gets, updates, deletes; and what each refuses."""
    accounts = salesforce.Account
    created = accounts.create(
        {"Name": "O'Dell \\ Söhne", "NumberOfEmployees": 12, "BillingCity": "Cork"}
    )
    equal("a create's answer", (created["success"], created["errors"]), (True, []))
    id = created["id"]
    equal("the length of an id", len(id), 18)

    got = accounts.get(id)
    equal("a row's type", got["attributes"]["type"], "Account")
    equal("a row's name and size", (got["Name"], got["NumberOfEmployees"]), ("O'Dell \\ Söhne", 12))
    equal("a compound address", got["BillingAddress"]["city"], "Cork")
    equal("an unset field", got["Phone"], None)
    holds("a time's form", got["CreatedDate"].endswith(".000+0000"), got["CreatedDate"])
    equal("a row by the short id", accounts.get(id[:15])["Id"], id)

    equal("an update's status", accounts.update(id, {"Phone": "+353 1", "BillingCity": None}), 204)
    got = accounts.get(id)
    equal("what it wrote", (got["Phone"], got["BillingCity"]), ("+353 1", None))
    found = salesforce.query(
        format_soql("SELECT Id FROM Account WHERE Name = {}", "O'Dell \\ Söhne")
    )
    equal("found by a name that needs escapes", [row["Id"] for row in found["records"]], [id])

    for what, values, code, fields in (
        ("an unknown field", {"Name": "x", "Shoe_Size__c": 9}, "INVALID_FIELD", None),
        ("a missing name", {"Phone": "1"}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("a long name", {"Name": "x" * 256}, "STRING_TOO_LONG", ["Name"]),
        ("a number as text", {"Name": "x", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR", None),
    ):
        with raises(what, SalesforceMalformedRequest) as caught:
            accounts.create(values)
        equal(f"the code for {what}", refused(caught[0])[:2], (400, code))
        equal(f"the fields for {what}", caught[0].content[0].get("fields"), fields)

    equal("a delete's status", accounts.delete(id), 204)
    with raises("a deleted row", SalesforceResourceNotFound) as caught:
        accounts.get(id)
    equal("its code", refused(caught[0])[:2], (404, "ENTITY_IS_DELETED"))
    with raises("a second delete", SalesforceResourceNotFound) as caught:
        accounts.delete(id)
    equal("its code", refused(caught[0])[:2], (404, "ENTITY_IS_DELETED"))
    with raises("an update of what never was", SalesforceResourceNotFound) as caught:
        accounts.update("001000000000000AAA", {"Phone": "1"})
    equal("its code", refused(caught[0])[1], "INVALID_CROSS_REFERENCE_KEY")
    with raises("an unknown object", SalesforceResourceNotFound) as caught:
        salesforce.Spaceship.create({"Name": "x"})
    equal("its code", refused(caught[0])[1], "NOT_FOUND")
    query = format_soql("SELECT Id, IsDeleted FROM Account WHERE Id = {}", id)
    equal("a deleted row in a query", salesforce.query(query)["totalSize"], 0)
    row = salesforce.query(query, include_deleted=True)["records"][0]
    equal("and with deleted rows", row["IsDeleted"], True)


def queries(salesforce):
    """Pages through a query, and what a wrong one is told."""
    records = [
        {"attributes": {"type": "Account"}, "Name": f"Paged {number}"} for number in range(250)
    ]
    for some in (records[:200], records[200:]):
        body = {"allOrNone": True, "records": some}
        made = salesforce.restful("composite/sobjects", method="POST", json=body)
        equal("what a collection created", sum(row["success"] for row in made), len(some))
    query = "SELECT Id, Name FROM Account WHERE Name LIKE 'Paged %' ORDER BY Id"
    pages = {"Sforce-Query-Options": "batchSize=200"}
    first = salesforce.query(query, headers=pages)
    equal(
        "the first page",
        (first["totalSize"], first["done"], len(first["records"])),
        (250, False, 200),
    )
    second = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True, headers=pages)
    equal("the second", (second["done"], len(second["records"])), (True, 50))
    locator = first["nextRecordsUrl"].rsplit("/", 1)[1]
    again = salesforce.query_more(locator, headers=pages)
    equal("the second by its locator", again["records"], second["records"])
    everything = salesforce.query_all(query, headers=pages)
    equal("all", everything["records"], first["records"] + second["records"])
    equal("all, one by one", len(list(salesforce.query_all_iter(query, headers=pages))), 250)
    with raises("a locator that never was", SalesforceMalformedRequest) as caught:
        salesforce.query_more("01g000000000000AAA-200")
    equal("its code", refused(caught[0])[1], "INVALID_QUERY_LOCATOR")

    equal(
        "a count",
        salesforce.query("SELECT COUNT() FROM Account WHERE Name LIKE 'Paged %'")["totalSize"],
        250,
    )
    found = salesforce.query(
        "SELECT Name, Account.Name FROM Contact WHERE AccountId != null LIMIT 1"
    )
    holds("a parent's name", found["records"][0]["Account"]["Name"], found)
    for what, text, code in (
        ("a cut query", "SELECT Id FROM", "MALFORMED_QUERY"),
        ("an open text", "SELECT Id FROM Account WHERE Name = 'O'Dell'", "MALFORMED_QUERY"),
        ("an unknown field", "SELECT Shoe_Size__c FROM Account", "INVALID_FIELD"),
        ("an unknown object", "SELECT Id FROM Spaceship", "INVALID_TYPE"),
    ):
        with raises(what, SalesforceMalformedRequest) as caught:
            salesforce.query(text)
        equal(f"the code for {what}", refused(caught[0])[:2], (400, code))
        holds(
            f"{what} is shown",
            "ERROR at Row:1:Column:" in refused(caught[0])[2],
            refused(caught[0]),
        )


def contacts_by_email(salesforce):
    """Creates and updates by a field that finds rows; more rows than one are refused."""
    contacts = salesforce.Contact
    equal(
        "an upsert that creates",
        contacts.upsert("Email/nora@quill.example", {"LastName": "Quill"}),
        201,
    )
    answer = contacts.upsert("Email/nora@quill.example", {"FirstName": "Nora"}, raw_response=True)
    equal("an upsert that updates", (answer.status_code, answer.json()["created"]), (200, False))
    got = contacts.get(answer.json()["id"])
    equal("what both wrote", (got["Name"], got["Email"]), ("Nora Quill", "nora@quill.example"))
    got = contacts.get_by_custom_id("Email", "nora@quill.example")
    equal("the row by email", got["Id"], answer.json()["id"])

    with raises("a value beside its own path", SalesforceMalformedRequest) as caught:
        contacts.upsert("Email/nora@quill.example", {"Email": "nora@quill.example"})
    equal("its code", refused(caught[0])[1], "INVALID_FIELD")
    with raises("a field that finds nothing", SalesforceResourceNotFound) as caught:
        contacts.upsert("Title/boss", {"LastName": "Boss"})
    equal("its code", refused(caught[0])[1], "NOT_FOUND")
    with raises("an email that is none", SalesforceMalformedRequest) as caught:
        contacts.create({"LastName": "Quill", "Email": "nora"})
    equal("its code and field", caught[0].content[0]["errorCode"], "INVALID_EMAIL_ADDRESS")
    equal("its fields", caught[0].content[0]["fields"], ["Email"])

    second = contacts.create({"LastName": "Quill", "Email": "nora@quill.example"})["id"]
    with raises("two rows of one email", SalesforceMoreThanOneRecord) as caught:
        contacts.upsert("Email/nora@quill.example", {"FirstName": "N."})
    equal("its status", caught[0].status, 300)
    holds(
        "it names both", any(url.endswith(second) for url in caught[0].content), caught[0].content
    )
    equal("how many it names", len(caught[0].content), 2)


def many_in_one(salesforce):
    """Composites and collections, by the library's door for any REST call."""
    below = f"/services/data/v{VERSION}/sobjects/Account"
    answer = salesforce.restful(
        "composite",
        method="POST",
        json={
            "allOrNone": False,
            "compositeRequest": [
                {
                    "method": "POST",
                    "url": below,
                    "referenceId": "made",
                    "body": {"Name": "Composed"},
                },
                {
                    "method": "GET",
                    "url": below + "/@{made.id}?fields=Id,Name",
                    "referenceId": "row",
                },
                {"method": "GET", "url": below + "/001000000000000AAA", "referenceId": "none"},
            ],
        },
    )["compositeResponse"]
    equal("each part's status", [part["httpStatusCode"] for part in answer], [201, 200, 404])
    made = answer[0]["body"]["id"]
    equal(
        "a part that refers to another",
        (answer[1]["body"]["Id"], answer[1]["body"]["Name"]),
        (made, "Composed"),
    )
    equal("a failed part's code", answer[2]["body"][0]["errorCode"], "NOT_FOUND")

    rows = salesforce.restful(
        "composite/sobjects/Account",
        method="POST",
        json={"ids": [made, "001000000000000AAA", made[:15]], "fields": ["Name"]},
    )
    equal(
        "rows by their ids", [row and row["Name"] for row in rows], ["Composed", None, "Composed"]
    )
    rows = salesforce.restful(
        "composite/sobjects/Account", params={"ids": made, "fields": "Id,Name"}
    )
    equal("the same by GET", [row["Id"] for row in rows], [made])
    saved = salesforce.restful(
        "composite/sobjects",
        method="PATCH",
        json={
            "allOrNone": False,
            "records": [
                {"attributes": {"type": "Account"}, "id": made, "Phone": "1"},
                {"attributes": {"type": "Account"}, "id": made, "Shoe_Size__c": "9"},
            ],
        },
    )
    equal("what of it was saved", [row["success"] for row in saved], [True, False])
    equal("the other's code", saved[1]["errors"][0]["statusCode"], "INVALID_FIELD")
    deleted = salesforce.restful("composite/sobjects", params={"ids": made}, method="DELETE")
    equal("what was deleted", [row["success"] for row in deleted], [True])


def what_is_there(salesforce):
    """Objects, fields and limits."""
    objects = {each["name"]: each for each in salesforce.describe()["sobjects"]}
    equal("the prefix of accounts' ids", objects["Account"]["keyPrefix"], "001")
    fields = {each["name"]: each for each in salesforce.Contact.describe()["fields"]}
    equal("a field's type", (fields["Email"]["type"], fields["Email"]["idLookup"]), ("email", True))
    equal(
        "an object's own words", salesforce.Account.metadata()["objectDescribe"]["name"], "Account"
    )
    limits = salesforce.limits()["DailyApiRequests"]
    holds("calls remain", 0 < limits["Remaining"] < limits["Max"], limits)


def main():
    users = by_token(setting("SANDBOX_ACCESS_TOKEN")).query("SELECT Id FROM User LIMIT 1")
    equal("a page by the token", len(users["records"]), 1)
    salesforce = authenticate()
    accounts_one_by_one(salesforce)
    queries(salesforce)
    contacts_by_email(salesforce)
    many_in_one(salesforce)
    what_is_there(salesforce)
    print("simple-salesforce: all as expected")


main()
