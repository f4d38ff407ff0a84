"""GitHub: issues, pull requests, commits, milestones and labels. Our own labels go on issues and pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import Connection, Connector, Finding, Options, Publisher, Receiver, ReceiverContext, SourceContext
from connectors.github.options import GithubOptions, GithubPublish, GithubScope, GithubSecrets


def _reader(context: SourceContext) -> Connector:
    from connectors.github.reader import GithubReader

    return GithubReader(context)


def _publisher(context: SourceContext) -> Publisher:
    from connectors.github.publisher import GithubPublisher

    return GithubPublisher(context)


def _receiver(context: ReceiverContext) -> Receiver:
    from connectors.github.receiver import GithubReceiver

    return GithubReceiver(context)


def _redeliver(context: SourceContext, scopes: Sequence[Options]) -> Sequence[Finding]:
    from connectors.github.redelivery import redeliver

    return redeliver(context, scopes)


_STREAMS = {
    "labels": frozenset({"label"}),
    "milestones": frozenset({"milestone"}),
    "issues": frozenset({"work_item"}),
    "change_requests": frozenset({"change_request"}),
    "commits": frozenset({"commit"}),
}

_LABELLED = frozenset({"issues", "change_requests"})

CONNECTION = Connection(
    name="github",
    title="GitHub",
    options=GithubOptions,
    scope=GithubScope,
    secrets=GithubSecrets,
    streams=_STREAMS,
    sweeps=frozenset({"labels", "milestones"}),
    repeated_in={"labels": _LABELLED},
    reader=_reader,
    publish=GithubPublish,
    publisher=_publisher,
    targets=frozenset({"work_item", "change_request"}),
    receiver=_receiver,
    redeliver=_redeliver,
    relisted={
        "repository": frozenset(_STREAMS),
        "default_branch": frozenset({"commits"}),
        # It is the listing that tells a new name from another colour.
        "label": _LABELLED | {"labels"},
    },
)
