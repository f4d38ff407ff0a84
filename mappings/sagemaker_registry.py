"""SageMaker's model packages as model versions, and its feature groups as datasets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from mappings import sagemaker_records as records
from mappings.model import Dataset, Entity, ModelCard, ModelVersion, Ref
from mappings.redaction import without_credentials
from mappings.sagemaker import Site, account_of, model_data, moment, resource_of, tags_of
from mappings.tags import Approval, approval_in, data_as_of, strictest

_APPROVALS: Mapping[str, Approval] = {"Approved": "approved", "PendingManualApproval": "pending", "Rejected": "rejected"}
_USABLE = (None, "Completed")
"""The statuses of packages that can be deployed; None: it was not told."""


def model_package(site: Site, package: records.ModelPackage) -> Iterable[Entity]:
    """A version of a group; a package of no group is its own only version, which is called 1."""
    metadata = package.metadata_properties or records.Metadata()
    containers = package.inference_specification.containers if package.inference_specification else ()
    resource = resource_of(package.model_package_arn)
    metadata_tags = {key: without_credentials(text) for key, text in sorted(package.customer_metadata_properties.items())}
    tags = {**metadata_tags, **tags_of(package.tags)}
    named = package.model_package_group_name or package.model_package_name or resource.split("/")[1]
    yield ModelVersion(
        ref=site.ref("model_version", package.model_package_arn),
        created_at=moment(package.creation_time),
        updated_at=moment(package.last_modified_time) or moment(package.creation_time),
        name=named,
        version=str(package.model_package_version or 1),
        tags=tags,
        run=_maker(site, package.model_package_arn, metadata.generated_by),
        approval=_approval(package, tags),
        status=package.model_package_status,
        artifact_uri=next(filter(None, map(model_data, containers)), None) or package.source_uri,
        cloud_id=package.model_package_arn,
        images=tuple(dict.fromkeys(filter(None, map(_image, containers)))),
        git_commit=metadata.commit_id or None,
        git_repository=without_credentials(metadata.repository) if metadata.repository else None,
        reports={**_reports("", package.model_metrics), **_reports("baseline.", package.drift_check_baselines)},
        card=_card(package.model_card) if package.model_card else None,
    )


def _approval(package: records.ModelPackage, tags: Mapping[str, str]) -> Approval | None:
    """SageMaker's and that in its tags must agree to approve; what is not made, not made yet or being deleted has no approval."""
    approval = strictest((_APPROVALS.get(package.model_approval_status or ""), approval_in(tags)))
    return None if approval == "approved" and package.model_package_status not in _USABLE else approval


def feature_group(site: Site, group: records.FeatureGroup) -> Iterable[Entity]:
    storage = group.offline_store_config.s3_storage_config if group.offline_store_config else None
    tags = tags_of(group.tags)
    yield Dataset(
        ref=site.ref("dataset", group.feature_group_arn),
        created_at=moment(group.creation_time),
        updated_at=moment(group.last_modified_time) or moment(group.creation_time),
        name=group.feature_group_name,
        origin=(storage.resolved_output_s3_uri or storage.s3_uri) if storage else None,
        tags=tags,
        as_of=data_as_of(tags),
    )


def _maker(site: Site, package: str, generated_by: str | None) -> Ref | None:
    """The job that a package says it was made by, if it is one of the same account and region."""
    if generated_by and account_of(generated_by) == account_of(package):
        return site.ref("run", generated_by)
    return None


def _image(container: records.PackageContainer) -> str | None:
    if container.image and container.image_digest and "@" not in container.image:
        return f"{container.image}@{container.image_digest}"
    return container.image


def _reports(prefix: str, reports: records.Reports | None) -> dict[str, str]:
    """Addresses by words such as `bias.report`."""
    found = {}
    for about, files in sorted((reports or {}).items()):
        for which, place in sorted((files or {}).items()):
            if place is not None and place.s3_uri:
                found[f"{prefix}{_words(about)}.{_words(which)}"] = place.s3_uri
    return found


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _card(card: records.Card) -> ModelCard:
    try:
        content: Any = msgspec.json.decode(card.model_card_content or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        content = {}
    uses = content.get("intended_uses") if isinstance(content, dict) else None
    said = uses if isinstance(uses, dict) else {}
    return ModelCard(
        status=card.model_card_status, intended_use=_text(said.get("intended_uses")), risk_rating=_text(said.get("risk_rating"))
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
