"""The secondary rate limits, on demand: effects for a stand-in's `faults`."""

from __future__ import annotations

from sandbox.faults import Effect, asks_to_wait
from sandbox.github.refusals import DOCS

SECONDARY = {
    "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    "documentation_url": f"{DOCS}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
}


def secondary_limit(retry_after: int = 60, *, status: int = 403) -> Effect:
    """Too much at once: 403 or 429 with `Retry-After` in seconds, whatever is left of the hourly budget."""
    return asks_to_wait(retry_after, status=status, body={**SECONDARY, "status": str(status)})
