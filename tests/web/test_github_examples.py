"""Every payload that GitHub publishes as an example is taken, signed as GitHub signs it."""

from __future__ import annotations

import gzip
import json

import pytest

from sandbox.contract import contracts_folder
from tests.web.signing import github_headers
from tests.web.within import Client


def test_every_published_payload_is_taken(client: Client) -> None:
    folder = contracts_folder()
    if folder is None:
        pytest.skip("the official contracts are not here: set MILEPOST_CONTRACTS to their folder")
    events = json.loads(gzip.decompress((folder / "github-webhook-examples.json.gz").read_bytes()))
    sent = [(event["name"], json.dumps(payload).encode()) for event in events for payload in event["examples"]]
    answers = [
        client.post("/webhooks/github", body, github_headers(body, f"example-{number}", event=name))
        for number, (name, body) in enumerate(sent)
    ]

    assert len(answers) > 300
    assert {answer.status_code for answer in answers} == {202}
