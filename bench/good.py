"""The one status of small worlds, in benches and in tests alike: it shows at once what somebody labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GOOD: Mapping[str, Any] = {
    "id": "good",
    "title": "Good",
    "kind": "favourable",
    "rank": 20,
    "says": "somebody labelled it good",
    "for": "work_item",
    "when": {"any": [{"subject": {"label": "good"}}]},
    "label": "good",
}
