"""Webhooks and their deliveries as the API shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.github.document import timestamp
from sandbox.github.hooks import Hook, Sent

NO_ANSWER_YET = {"code": None, "status": "unused", "message": None}


def hook_document(address: str, hook: Hook) -> dict[str, Any]:
    """The schemas `hook` and `org-hook`. `address` is the hook's own."""
    document = {
        "type": "Repository" if hook.place == "repository" else "Organization",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": config_document(hook),
        "updated_at": timestamp(hook.created_at),
        "created_at": timestamp(hook.created_at),
        "url": address,
        "ping_url": f"{address}/pings",
        "deliveries_url": f"{address}/deliveries",
    }
    if hook.place == "repository":
        document |= {"test_url": f"{address}/test", "last_response": _last_response(hook)}
    return document


def config_document(hook: Hook) -> dict[str, str]:
    """The schema `webhook-config`. A secret is never shown."""
    secret = {"secret": "********"} if hook.secret else {}
    return {"content_type": "form" if hook.form else "json", "insecure_ssl": "0", "url": hook.url, **secret}


def delivery_document(hook: Hook, sent: Sent) -> dict[str, Any]:
    """The schema `hook-delivery-item`."""
    return {
        "id": sent.id,
        "guid": sent.guid,
        "delivered_at": timestamp(sent.delivered_at),
        "redelivery": sent.redelivery,
        "duration": round(sent.duration, 2),
        "status": sent.status,
        "status_code": sent.status_code,
        "event": sent.event,
        "action": sent.action,
        "installation_id": hook.installation,
        "repository_id": sent.repository,
        "throttled_at": None,
    }


def full_delivery_document(hook: Hook, sent: Sent) -> dict[str, Any]:
    """The schema `hook-delivery`."""
    return {
        **delivery_document(hook, sent),
        "url": hook.url,
        "request": {"headers": dict(sent.headers), "payload": msgspec.Raw(sent.payload)},
        "response": {"headers": {}, "payload": sent.answer},
    }


def _last_response(hook: Hook) -> dict[str, Any]:
    answered = [sent for sent in hook.sent if sent.status != "pending"]
    if not answered:
        return NO_ANSWER_YET
    last = answered[-1]
    return {"code": last.status_code, "status": "active" if last.status_code < 400 else "invalid", "message": last.status}
