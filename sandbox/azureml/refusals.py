"""Azure's refusals: an error with a code and a message, and an effect that throttles."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.faults import Effect, answers
from sandbox.messages import Refusal, Reply


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer as Azure Resource Manager words it."""
    return Reply(status, {"error": {"code": code, "message": message}}, {"x-ms-failure-cause": "gateway", **(headers or {})})


def refuse(status: int, code: str, message: str) -> Refusal:
    """To be raised."""
    return Refusal(error(status, code, message))


def throttles(seconds: float | str) -> Effect:
    """429 with `Retry-After`, as for a subscription that has read too much."""
    message = "The request is being throttled as the limit has been reached for operation type - Read. Please try again later."
    headers = {"Retry-After": str(seconds), "x-ms-ratelimit-remaining-subscription-reads": "0"}
    return answers(429, {"error": {"code": "SubscriptionRequestsThrottled", "message": message}}, headers)
