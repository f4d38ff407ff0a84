"""What `milepost check` says about a SageMaker source: who asks, where, and each permission that the scope needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from botocore.loaders import create_loader  # type: ignore[import-untyped]  # botocore ships no types
from botocore.regions import EndpointResolver  # type: ignore[import-untyped]  # botocore ships no types

from connectors.base import Finding, SourceContext
from connectors.checks import attempted, matched
from connectors.errors import AuthError
from connectors.globs import matches, near
from connectors.sagemaker.api import PAGE, AwsApi
from connectors.sagemaker.describing import Describer
from connectors.sagemaker.kinds import LISTED, SEARCHED, Listed, Searched
from connectors.sagemaker.metrics import pull_metrics
from connectors.sagemaker.monitoring import ALERTS, EXECUTIONS, SCHEDULES
from connectors.sagemaker.options import SageMakerOptions, SageMakerScope
from connectors.sagemaker.single import SingleReader
from mappings.decoding import decode_as
from mappings.sagemaker import Site

MOST_LOOKED_AT = 20
"""Pages of names that a check reads to see whether a pattern matches anything."""


_SERVICE = "api.sagemaker"
"""SageMaker's own name in botocore's list of endpoints."""

_ALL: dict[str, Any] = {
    "SearchExpression": {"Filters": [{"Name": "CreationTime", "Operator": "GreaterThanOrEqualTo", "Value": "1970-01-01T00:00:00"}]},
    "MaxResults": PAGE,
}


class _EndpointName(msgspec.Struct, rename="pascal"):
    endpoint_name: str


def check(context: SourceContext, api: AwsApi, site: Site, scope: SageMakerScope) -> Sequence[Finding]:
    """Each step stands alone, but nothing is asked of an account that does not let us in at all."""
    findings = list(attempted("account", lambda: _account(context, api)))
    if any(finding.level == "error" for finding in findings):
        return [*_unknown_region(context.options.region), *findings]
    if scope.endpoints:
        findings += attempted("endpoints", lambda: _endpoints(api, site, scope))
        findings += attempted("monitors", lambda: _monitors(api))
    asked = [one for one in SEARCHED if getattr(scope, one.wanted)]
    # The scope's experiments are looked for among these themselves, not among what belongs to them.
    first = {one.wanted: one for one in reversed(asked)}
    for searched in (one for one in asked if first[one.wanted] is one):
        findings += attempted(searched.wanted, partial(_searched, api, scope, searched))
    for searched in asked:
        findings += attempted(searched.wanted, partial(_described, api, site, scope, searched))
    for listed in (one for one in LISTED if getattr(scope, one.wanted)):
        findings += attempted(listed.wanted, partial(_jobs, api, site, listed))
    if scope.metrics:
        findings += attempted("metrics", lambda: _metrics(api, site, scope))
    findings.append(Finding(level="info", topic="writing", text="Milepost only reads SageMaker"))
    return findings


def _unknown_region(region: str) -> Iterator[Finding]:
    """Of a misspelt region all else that shows is that nobody answers there. One that answers may be newer than our client."""
    known = _regions()
    if region not in known:
        meant = near(region, known)
        fix = f"did you mean {', '.join(meant)}?" if meant else "check region"
        yield Finding(level="warning", topic="region", text=f"no region {region!r} with SageMaker is known", fix=fix)


def _regions() -> Sequence[str]:
    """Those that have SageMaker, of all of AWS's partitions, as far as the installed client knows."""
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    return [
        region
        for partition in resolver.get_available_partitions()
        for region in resolver.get_available_endpoints(_SERVICE, partition)
    ]


def _account(context: SourceContext, api: AwsApi) -> Iterator[Finding]:
    options: SageMakerOptions = context.options
    who = api.caller()
    if not who:
        raise AuthError(context.name, "AWS does not tell who asks", fix="check endpoint_url")
    yield Finding(level="ok", topic="account", text=f"signed in as {who}")
    yield Finding(level="ok", topic="region", text=options.region)


def _endpoints(api: AwsApi, site: Site, scope: SageMakerScope) -> Iterator[Finding]:
    names: list[str] = []
    for number, page in enumerate(api.pages("sagemaker:ListEndpoints", "Endpoints", MaxResults=PAGE)):
        names += [name for raw in page.records if (name := _endpoint_name(raw))]
        if number >= MOST_LOOKED_AT:
            break
    yield from _matched("endpoints", scope.endpoints, names)
    ours = next((name for name in names if matches(name, scope.endpoints)), None)
    if ours is not None:
        Describer(api, site).describe(ours)
        text = f"{ours} can be described, with its configuration, models and tags"
        yield Finding(level="ok", topic="endpoints", text=text)


def _endpoint_name(raw: msgspec.Raw) -> str | None:
    try:
        return decode_as(raw, _EndpointName).endpoint_name
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _monitors(api: AwsApi) -> Iterator[Finding]:
    for action, field in (SCHEDULES, (EXECUTIONS.action, EXECUTIONS.field), (ALERTS.action, ALERTS.field)):
        api.page(action, field, MaxResults=1)
    yield Finding(level="ok", topic="monitors", text="schedules, executions and alerts can be listed")
    yield Finding(
        level="info",
        topic="monitors",
        text="whether violations reports may be read shows when a monitor finds something; without them, drift and bad data cannot "
        "be told apart",
        fix="allow s3:GetObject on the folder that the monitors write to",
    )


def _searched(api: AwsApi, scope: SageMakerScope, searched: Searched) -> Iterator[Finding]:
    globs: Sequence[str] = getattr(scope, searched.wanted)
    names: list[str] = []
    for number, page in enumerate(api.pages("sagemaker:Search", "Results", Resource=searched.resource, **_ALL)):
        names += searched.names(page.records)
        if number >= MOST_LOOKED_AT:
            break
    yield from _matched(searched.wanted, [searched.spelt(glob) for glob in globs], names)


def _described(api: AwsApi, site: Site, scope: SageMakerScope, searched: Searched) -> Iterator[Finding]:
    """Whether one of them can be described, where there is one: only that tells later whether one is gone."""
    globs: Sequence[str] = getattr(scope, searched.wanted)
    page = api.page("sagemaker:Search", "Results", Resource=searched.resource, **_ALL)
    ours = (one.ref for one in searched.records(site, page.records, globs).entities if one.ref.kind == searched.kind)
    for ref in islice(ours, 1):
        SingleReader(api, site).require_description(ref)
        yield Finding(level="ok", topic=searched.wanted, text=f"{ref.id} can be described")


def _jobs(api: AwsApi, site: Site, listed: Listed) -> Iterator[Finding]:
    page = api.page(listed.action, listed.field, MaxResults=1)
    for found in listed.records(site, page.records, ("*",)).entities:
        SingleReader(api, site).require_description(found.ref)
    yield Finding(level="ok", topic=listed.wanted, text="can be listed")


def _metrics(api: AwsApi, site: Site, scope: SageMakerScope) -> Iterator[Finding]:
    for name, metric in sorted(scope.metrics.items()):
        page = api.page("cloudwatch:ListMetrics", "Metrics", Namespace=metric.namespace, MetricName=metric.metric)
        if page.records:
            yield Finding(level="ok", topic="metrics", text=f"{name}: {metric.namespace} has {metric.metric}")
        else:
            text = f"{name}: {metric.namespace} has had no values of {metric.metric!r} for two weeks"
            yield Finding(
                level="warning", topic="metrics", text=text, fix="check the metric's name, and that the endpoint is called"
            )
    next(pull_metrics(api, site, scope, None))


def _matched(topic: str, globs: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    """Packages of one group have one name."""
    return matched(topic, globs, sorted(set(names)), unlike_all="check the name, the region and the account")
