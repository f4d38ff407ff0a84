"""No secret of a server gets into its log, its answers or its store, whatever it is sent."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.web.serving import serving
from tests.web.signing import SIGNERS, github_headers, issue_payload

CANARIES = {
    "MILEPOST_GITHUB__WEBHOOK_SECRET": "canary-github-webhook-58ab",
    "MILEPOST_GITHUB__WEBHOOK_SECRET_PREVIOUS": "canary-github-previous-0c3d",
    "MILEPOST_AZURE__WEBHOOK_SECRET": "canary-azure-webhook-77e1",
    "MILEPOST_GITHUB__TOKEN": "canary-github-token-f00d",
}


def test_no_secret_gets_out(sqlite_template: Path, folder: Path) -> None:
    (folder / "milepost.db").write_bytes(sqlite_template.read_bytes())
    answers: list[httpx.Response] = []
    with serving(folder, f"sqlite:///{folder / 'milepost.db'}", "-vv", **CANARIES) as served:
        body = issue_payload(1)
        for secret in CANARIES.values():
            answers.append(served.deliver(body, f"by-{len(answers)}", secret=secret))
            shown = {
                "x-milepost-secret": secret,
                "authorization": f"Bearer {secret}",
                "cookie": secret,
                "x-github-delivery": secret,
            }
            answers.append(served.post(body, {**github_headers(body, "other"), **shown}, "azure"))
            answers.append(served.client.post(f"/webhooks/github?secret={secret}", content=body, headers=shown))
            answers.append(served.client.post(f"/webhooks/{secret}", content=body))
            answers.append(served.client.get(f"/readyz?token={secret}", headers=shown))
            answers.append(served.post(b"{" + secret.encode(), SIGNERS["github"](body, "x")))
        stored = served.stored()
    written = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "milepost.yaml"}

    assert set(stored) == {"by-0", "by-6"}  # the present secret of GitHub's webhook, and the previous one
    assert {"milepost.db", "serve.log"} <= set(written)
    for canary in CANARIES.values():
        assert [name for name, content in written.items() if canary.encode() in content] == []
        assert [answer.url.path for answer in answers if canary in answer.text + str(answer.headers)] == []
