"""The protocol's own client: an agent's view of `crosswalk mcp`, over stdin and stdout and over HTTP, in both eras."""

import asyncio
import os

import httpx2
from check import equal, fail, holds, setting
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

url, admin, key = setting("CROSSWALK_URL"), setting("CROSSWALK_ADMIN_URL"), setting("CROSSWALK_KEY")
program, endpoint = setting("CROSSWALK_PROGRAM"), setting("MCP_URL")


def stdio(*more):
    environment = {"CROSSWALK_URL": url, "CROSSWALK_ADMIN_URL": admin, "CROSSWALK_API_KEY": key}
    return StdioServerParameters(command=program, args=["mcp", *more], env=environment)


async def reads(client, version):
    """Each result is held against its tool's schema by the client itself."""
    equal("the version", client.protocol_version, version)
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    equal("only reads", {tool.annotations.read_only_hint for tool in tools.values()}, {True})
    listed = await client.call_tool("connection_list", {})
    connections = [each["id"] for each in listed.structured_content["connections"]]
    equal("the connections", connections, ["hubspot-demo", "salesforce-demo"])
    for connection in connections:
        page = await client.call_tool("crm_contact_list", {"connection": connection, "page_size": 2})
        items = page.structured_content["items"]
        equal("a page", (page.is_error, len(items), items[0]["raw_data"]), (False, 2, {}))
        got = await client.call_tool("crm_contact_get", {"connection": connection, "id": items[0]["id"]})
        equal("a record", got.structured_content["record"]["email"], items[0]["email"])
        refused = await client.call_tool("crm_contact_get", {"connection": connection, "id": "0"})
        holds("a refusal is in the API's words", refused.is_error and "NOT_FOUND" in refused.content[0].text)
    try:
        await client.call_tool("crm_contact_create", {"connection": connections[0], "record": {}})
    except MCPError as error:
        equal("a tool that is not offered", error.error.code, -32602)
    else:
        fail("a tool that is not offered was called")


async def writes(client):
    wanted = {"connection": "salesforce-demo", "record": {"name": "By an agent"}}
    made = await client.call_tool("crm_account_create", wanted)
    equal("a write", made.structured_content["record"]["name"], "By an agent")


async def main():
    for mode, version in [("legacy", "2025-11-25"), ("auto", "2026-07-28")]:
        async with Client(stdio(), mode=mode) as client:
            await reads(client, version)
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}) as http:
            async with Client(streamable_http_client(endpoint, http_client=http), mode=mode) as client:
                await reads(client, version)
    async with Client(stdio("--allow-writes")) as client:
        await writes(client)
    try:
        async with Client(endpoint, mode="legacy"):
            fail("somebody without a key was let in")
    except Exception as error:  # Whatever a library raises, as long as it does.
        holds("it is refused", not isinstance(error, SystemExit), error)


asyncio.run(main())
print("all as expected")
