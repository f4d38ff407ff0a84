"""SageMaker's endpoints as deployments: an endpoint, its configuration and the models behind it make one entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from mappings import sagemaker_records as records
from mappings.model import Deployment, DeploymentState, Ref, TrafficShare
from mappings.sagemaker import Site, account_of, model_data, moment, resource_of, tags_of
from mappings.tags import environment_in

ENVIRONMENT_TAGS = ("milepost:environment", "environment", "env", "stage")
"""On an endpoint: what it is for, such as `production`. The first that is set decides."""

_STATES: Mapping[str, DeploymentState] = {
    "Creating": "creating",
    "InService": "in_service",
    "Updating": "updating",
    "SystemUpdating": "updating",
    "RollingBack": "rolling_back",
    "UpdateRollbackFailed": "failed",
    "Failed": "failed",
    "Deleting": "deleting",
    "OutOfService": "stopped",
}


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind an endpoint, as far as it is still there: a configuration or model may be deleted while it serves.

    `models` and `model_tags` are by the models' names; `pending` is the configuration that it is being changed to.
    """

    config: records.EndpointConfig | None = None
    pending: records.EndpointConfig | None = None
    models: Mapping[str, records.Model] = {}
    model_tags: Mapping[str, Sequence[records.Tag]] = {}
    tags: Sequence[records.Tag] = ()


def endpoint(site: Site, found: records.Endpoint, behind: Behind) -> Deployment:
    """A failed update leaves an endpoint in service as it was, with the reason beside it."""
    tags = tags_of(behind.tags)
    serving = _as_it_was(found, behind)
    config = serving.config or records.EndpointConfig(endpoint_config_name="")
    state = _STATES.get(found.endpoint_status, "unknown")
    served = (*_shares(site, found, config.production_variants, serving), *_mirrors(site, found, config, serving))
    to_come = tuple(_to_come(site, found, behind, state))
    if to_come:
        served = (*(msgspec.structs.replace(one, state="in_service") for one in served), *to_come)
    capture = found.data_capture_config
    return Deployment(
        ref=site.ref("deployment", found.endpoint_arn),
        url=site.page(f"endpoints/{found.endpoint_name}"),
        created_at=moment(found.creation_time),
        updated_at=moment(found.last_modified_time),
        endpoint=found.endpoint_name,
        platform="sagemaker",
        environment=environment_in(tags, ENVIRONMENT_TAGS),
        state=state,
        models=served,
        instance=next((variant.instance_type for variant in config.production_variants if variant.instance_type), None),
        tags=tags,
        data_capture=None if capture is None else capture.enable_capture and capture.capture_status != "Stopped",
        reason=found.failure_reason or None,
    )


def _as_it_was(found: records.Endpoint, behind: Behind) -> Behind:
    """What stood behind an endpoint when it was last changed. Names are used again: a configuration that was made since, or a model
    that was made since or after the configuration that names it, is another one than the endpoint runs."""
    config = behind.config
    if config is not None and _is_younger(config.creation_time, found.last_modified_time):
        config = None
    moments = (found.last_modified_time, config.creation_time if config is not None else None)
    models = {
        name: model
        for name, model in behind.models.items()
        if not any(_is_younger(model.creation_time, moment) for moment in moments)
    }
    tags = {name: tags for name, tags in behind.model_tags.items() if name in models}
    return msgspec.structs.replace(behind, config=config, models=models, model_tags=tags)


def _is_younger(made: float | None, than: float | None) -> bool:
    return made is not None and than is not None and made > than


def _shares(
    site: Site, found: records.Endpoint, configured: Sequence[records.ConfiguredVariant], behind: Behind
) -> Iterator[TrafficShare]:
    """While an endpoint is being made it runs no variant yet: then those are told that it was configured with."""
    by_name = {variant.variant_name: variant for variant in configured}
    running = found.production_variants or tuple(records.RunningVariant(variant_name=name) for name in by_name)
    weights = [_weight(variant, by_name) for variant in running]
    total = sum(weights)
    for variant, weight in zip(running, weights, strict=True):
        share = weight / total if total > 0 else 0.0
        yield from _served(site, found, variant, by_name.get(variant.variant_name), behind, share=share, mirror=0.0)


def _mirrors(site: Site, found: records.Endpoint, config: records.EndpointConfig, behind: Behind) -> Iterator[TrafficShare]:
    """Shadow variants get copies; their weight is set against those of the variants that answer."""
    by_name = {variant.variant_name: variant for variant in config.shadow_production_variants}
    total = sum(max(variant.current_weight or 0.0, 0.0) for variant in found.production_variants)
    for variant in found.shadow_production_variants:
        mirror = min(1.0, _weight(variant, by_name) / total) if total > 0 else 0.0
        yield from _served(site, found, variant, by_name.get(variant.variant_name), behind, share=0.0, mirror=mirror)


def _to_come(site: Site, found: records.Endpoint, behind: Behind, state: DeploymentState) -> Iterator[TrafficShare]:
    """What an endpoint is being changed to: it answers nobody yet, and the endpoint's state is that of the change."""
    for variant in behind.pending.production_variants if behind.pending is not None else ():
        running = records.RunningVariant(variant_name=variant.variant_name)
        for share in _served(site, found, running, variant, behind, share=0.0, mirror=0.0):
            yield msgspec.structs.replace(share, state=state)


def _weight(variant: records.RunningVariant, configured: Mapping[str, records.ConfiguredVariant]) -> float:
    """SageMaker's default is 1."""
    weight = variant.current_weight
    if weight is None and variant.variant_name in configured:
        weight = configured[variant.variant_name].initial_variant_weight
    return 1.0 if weight is None else max(weight, 0.0)


def _served(
    site: Site,
    found: records.Endpoint,
    variant: records.RunningVariant,
    configured: records.ConfiguredVariant | None,
    behind: Behind,
    *,
    share: float,
    mirror: float,
) -> Iterator[TrafficShare]:
    """One for each container that holds a model: those of an inference pipeline answer together. Where the model is not known, what
    runs says nothing of it: a container is the same for many models, whose files lie outside of it."""
    name = configured.model_name if configured and configured.model_name else None
    model = behind.models.get(name or "")
    tags = tags_of(behind.model_tags.get(name or "", ()))
    deployed = variant.deployed_images if model is not None else ()
    images = tuple(filter(None, (image.resolved_image or image.specified_image for image in deployed)))
    for container in _containers(model) or (records.Container(),):
        package = _package_arn(found.endpoint_arn, container.model_package_name)
        ref = _package_ref(site, found.endpoint_arn, package)
        yield TrafficShare(
            model=ref,
            name=_package_name(package) or name or variant.variant_name,
            share=share,
            mirror=mirror,
            cloud_id=package,
            artifact_uri=model_data(container),
            images=images or ((container.image,) if container.image else ()),
            tags=tags,
        )


def _containers(model: records.Model | None) -> Sequence[records.Container]:
    if model is None:
        return ()
    every = (*((model.primary_container,) if model.primary_container else ()), *model.containers)
    holding = [one for one in every if one.model_package_name or model_data(one)]
    return holding or every[:1]


def _package_arn(endpoint_arn: str, named: str | None) -> str | None:
    """A model names its package by ARN, or by the bare name of one in its own account."""
    if not named:
        return None
    return named if named.startswith("arn:") else f"{account_of(endpoint_arn)}:model-package/{named}"


def _package_ref(site: Site, endpoint_arn: str, package: str | None) -> Ref | None:
    """A package of another account or region is another source's."""
    if package is None or account_of(package) != account_of(endpoint_arn):
        return None
    return site.ref("model_version", package)


def _package_name(package: str | None) -> str | None:
    return resource_of(package).partition("/")[2] if package and account_of(package) else None
