"""Has openapi-python-client make a client of the API's document, and calls the API with it."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from check import equal, setting

url, key = setting("CROSSWALK_URL"), setting("CROSSWALK_KEY")


def generate(folder):
    """Writes the package `crm` into a folder; a warning of the generator is a fault of the document."""
    folder = Path(folder)
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        (folder / "openapi.json").write_bytes(answer.read())
    # What makes it pretty is no part of the client.
    (folder / "config.json").write_text(json.dumps({"post_hooks": []}))
    generator = Path(sys.executable).with_name("openapi-python-client")
    words = ["generate", "--path", "openapi.json", "--output-path", "crm", "--meta", "none", "--config", "config.json"]
    ran = subprocess.run([generator, *words], cwd=folder, capture_output=True, text=True, check=True)
    equal("what the generator warns of", "Warning" in ran.stdout + ran.stderr, False)


with tempfile.TemporaryDirectory() as place:
    generate(place)
    sys.path.insert(0, place)

    # guide:begin
    from crm import Client
    from crm.api.crm import crm_upsert_account
    from crm.models import CrmAccountUpsert

    headers = {"x-apikey": os.environ["CROSSWALK_KEY"], "x-connection-id": "salesforce-demo"}
    client = Client(base_url=os.environ["CROSSWALK_URL"], headers=headers)
    wanted = {"upsert_on": {"key": "website", "values": ["typed.example"]}, "record": {"name": "Typed"}}
    answer = crm_upsert_account.sync(client=client, body=CrmAccountUpsert.from_dict(wanted))
    print(answer.record.id, answer.record.name)
    # guide:end

    from crm.api.crm import crm_get_account, crm_list_accounts
    from crm.models import Error

    equal("the type of the answer", type(answer).__name__, "CrmAccountAnswer")
    equal("its name", answer.record.name, "Typed")
    page = crm_list_accounts.sync(client=client, page_size=2)
    equal("the records of a page", len(page.items), 2)
    refused = crm_get_account.sync(client=client, id="0")
    equal("a refusal", (isinstance(refused, Error), refused.code), (True, "NOT_FOUND"))

print("all as expected")
