"""What stands behind an endpoint: its configuration, the models that this names, and tags.

Configurations and models never change, though another may be made under the name of one that was deleted. So each is read once by
a reader, however many endpoints share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from connectors.sagemaker.api import AwsApi
from mappings import sagemaker_records as records
from mappings.decoding import decode_as
from mappings.model import Deployment
from mappings.sagemaker import Records, Site, each
from mappings.sagemaker_endpoints import Behind, endpoint

MOST_KEPT = 5_000
"""Configurations and models that are remembered."""

T = TypeVar("T")


class Describer:
    """Reads endpoints whole. Raises the errors of `connectors.errors`."""

    def __init__(self, api: AwsApi, site: Site) -> None:
        self._api = api
        self._site = site
        self._configs: dict[str, records.EndpointConfig | None] = {}
        self._models: dict[str, tuple[records.Model, Sequence[records.Tag]] | None] = {}

    def describe(self, name: str) -> Records | None:
        """The endpoint as it is now, or what could not be made of it; None where it does not exist."""
        raw = self._api.described("sagemaker:DescribeEndpoint", EndpointName=name)
        if raw is None:
            return None
        return each([raw], "deployment", records.Endpoint, self._whole)

    def _whole(self, found: records.Endpoint) -> Iterable[Deployment]:
        config, pending = self._config(found.endpoint_config_name), self._pending(found)
        variants = [
            variant for one in (config, pending) if one for variant in (*one.production_variants, *one.shadow_production_variants)
        ]
        behind = {name: model for name in {one.model_name for one in variants if one.model_name} if (model := self._model(name))}
        yield endpoint(
            self._site,
            found,
            Behind(
                config=config,
                pending=pending,
                models={name: model for name, (model, _) in behind.items()},
                model_tags={name: tags for name, (_, tags) in behind.items()},
                tags=self._tags(found.endpoint_arn),
            ),
        )

    def _pending(self, found: records.Endpoint) -> records.EndpointConfig | None:
        """What the endpoint is being changed to. One that is being made only becomes what it is."""
        summary = found.pending_deployment_summary
        name = summary.endpoint_config_name if summary else None
        return None if name == found.endpoint_config_name else self._config(name)

    def _config(self, name: str | None) -> records.EndpointConfig | None:
        if not name:
            return None
        if name not in self._configs:
            action, shape = "sagemaker:DescribeEndpointConfig", records.EndpointConfig
            _keep(self._configs, name, self._api.record(action, shape, EndpointConfigName=name))
        return self._configs[name]

    def _model(self, name: str) -> tuple[records.Model, Sequence[records.Tag]] | None:
        if name not in self._models:
            model = self._api.record("sagemaker:DescribeModel", records.Model, ModelName=name)
            _keep(self._models, name, None if model is None else (model, self._tags(model.model_arn)))
        return self._models[name]

    def _tags(self, arn: str) -> Sequence[records.Tag]:
        found: list[records.Tag] = []
        for page in self._api.pages("sagemaker:ListTags", "Tags", ResourceArn=arn):
            found += decode_as(msgspec.json.encode(page.records), list[records.Tag], strict=False)
        return found


def _keep(kept: dict[str, T], name: str, value: T) -> None:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[name] = value
