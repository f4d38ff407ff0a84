"""Jira: issues, versions and field definitions. Our statuses go into one field and one property of issues."""

from __future__ import annotations

from connectors.base import Connection, Connector, Publisher, Receiver, ReceiverContext, SourceContext
from connectors.jira.options import JiraOptions, JiraPublish, JiraScope, JiraSecrets
from mappings.jira_deliveries import RELISTED_KINDS


def _reader(context: SourceContext) -> Connector:
    from connectors.jira.reader import JiraReader

    return JiraReader(context)


def _publisher(context: SourceContext) -> Publisher:
    from connectors.jira.publisher import JiraPublisher

    return JiraPublisher(context)


def _receiver(context: ReceiverContext) -> Receiver:
    from connectors.jira.receiver import JiraReceiver

    return JiraReceiver(context)


CONNECTION = Connection(
    name="jira",
    title="Jira",
    options=JiraOptions,
    scope=JiraScope,
    secrets=JiraSecrets,
    streams={
        "fields": frozenset({"field"}),
        "versions": frozenset({"milestone"}),
        "issues": frozenset({"work_item", "milestone"}),
    },
    sweeps=frozenset({"fields", "versions"}),
    along={"issues": frozenset({"milestone"})},
    reader=_reader,
    publish=JiraPublish,
    publisher=_publisher,
    targets=frozenset({"work_item"}),
    receiver=_receiver,
    relisted=dict.fromkeys(RELISTED_KINDS, frozenset({"versions", "issues"})),
)
