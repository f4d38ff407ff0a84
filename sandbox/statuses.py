"""The options of the field that a Jira admin has made for Milepost: every status that it ships, and `Unknown`."""

from __future__ import annotations

STATUSES = (
    "Drift alert",
    "Bias risk",
    "Performance drop",
    "Deploy failed",
    "Data blocked",
    "Compliance gap",
    "Lineage gap",
    "Retrain due",
    "Deployed",
    "Model ready",
    "Approval pending",
    "Canary",
    "Unknown",
)
