"""What a valid project file means, and the digest of that meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from config.fingerprint import canonical_hash
from config.load import load_project_file
from config.problems import Problem
from config.project import ProjectFile, TypeModels
from config.rate import Rate
from config.statuses import effective_statuses, shipped_statuses
from config.textref import TextRef
from mappings.conditions import Bound

Load = Callable[[str], ProjectFile]
Problems = Callable[[str], list[Problem]]


def test_the_full_example_means_what_it_says(load: Load, full_example: str, tmp_path: Path) -> None:
    file = load(full_example)
    churn = file.projects["churn"]
    assert file.findings == ()
    assert file.path == tmp_path / "milepost.yaml"
    assert file.store.url == f"sqlite:///{tmp_path / 'milepost.db'}"
    assert {name: source.type for name, source in file.sources.items()} == {
        "jira": "jira", "github": "github", "mlflow": "mlflow", "aws-eu": "sagemaker", "azure-ml": "azureml",
    }  # fmt: skip
    assert file.sources["aws-eu"].options.model_dump() == {"region": "eu-west-1", "endpoint_url": None}
    assert (churn.key, churn.title, churn.risk_class, churn.timezone) == ("churn", "Churn prediction", "limited", "Europe/Berlin")
    assert dict(churn.watch) == {"jira": "CHURN-1"}
    assert churn.scopes["github"].model_dump() == {"repositories": ("example/churn*",), "exclude": ("example/churn-old",)}
    assert churn.release.alias == "champion"
    assert dict(churn.thresholds) == {"val_auc": Bound(gte=0.85)}
    assert (churn.data.labels, churn.data.components, churn.data.quality) == (("data",), ("Data",), "data_quality.*")
    assert churn.data.fresh_within == timedelta(days=30)
    assert churn.drift.metrics == {"drift.*": Bound(lte=0.2)}
    assert churn.retrain.every == timedelta(days=90)
    assert {name: options.model_dump() for name, options in churn.publish.items()} == {
        "jira": {"field": "ML Status", "labels": True},
        "github": {"prefix": "ml/"},
    }
    assert (file.fresh_within, file.unknown_after) == (timedelta(hours=26), timedelta(hours=24))
    assert (file.safety.max_changes, file.safety.max_additions, file.safety.max_deletes) == (0.3, 200, 0.2)
    assert (file.retention.audit, file.retention.personal_data) == (timedelta(days=400), timedelta(days=400))


def test_what_is_left_out_has_the_documented_defaults(load: Load, small: str, full_example: str) -> None:
    file, full = load(small), load(full_example)
    for name in ("fresh_within", "unknown_after", "safety", "retention", "statuses", "store"):
        assert getattr(file, name) == getattr(full, name)
    assert file.projects["churn"].title == "churn"
    assert {(source.pull, source.rate) for source in file.sources.values()} == {("*/10 * * * *", None)}
    assert file.projects["churn"].publish == {}


def test_tags_of_a_project_come_beside_those_of_every_project(load: Load, small: str) -> None:
    tags = load(f"{small}    tags: {{ticket: [Work-Item, jira], run: [mlflow.run_id]}}\n").projects["churn"].tags
    assert (tags.ticket, tags.commit, tags.run, tags.model_version) == (("Work-Item", "jira"), (), ("mlflow.run_id",), ())
    assert canonical_hash(load(small)) != canonical_hash(load(f"{small}    tags: {{commit: [build]}}\n"))


def test_models_are_frozen(load: Load, small: str) -> None:
    file = load(small)
    with pytest.raises(ValidationError, match="frozen"):
        file.fresh_within = timedelta(0)  # type: ignore[misc]  # that it is forbidden is the point


def test_a_project_overrides_single_keys_of_publish_and_can_switch_it_off(load: Load, small: str) -> None:
    text = (
        "publish: {jira: {field: ML Status, labels: false}, github: {prefix: ml/}}\n"
        + small
        + "      github: {repositories: [a/b]}\n    publish: {jira: {labels: true}, github: false}\n"
        + "  other: {scopes: {github: {repositories: [a/c]}}}\n"
    )
    file = load(text)
    assert {name: options.model_dump() for name, options in file.projects["churn"].publish.items()} == {
        "jira": {"field": "ML Status", "labels": True}
    }
    assert file.projects["other"].publish.keys() == {"github"}
    assert file.publish["jira"].model_dump() == {"field": "ML Status", "labels": False}


def test_publishing_where_the_project_has_no_scope_is_a_warning(problems: Problems, small: str) -> None:
    (problem,) = problems(f"{small}    publish: {{github: {{prefix: x/}}}}\n")
    assert (problem.level, problem.line, problem.column, problem.path) == ("warning", 9, 15, "projects.churn.publish.github")


def test_declared_links_are_parsed(load: Load, small: str) -> None:
    text = (
        small
        + "    links: [{source: 'mlflow:model/churn-classifier/3', relation: implements, target: 'jira:CHURN-4', note: by hand}]\n"
    )
    (link,) = load(text).projects["churn"].links
    assert link.source == TextRef("mlflow", "model_version", "churn-classifier", "3")
    assert (link.relation, link.target, link.note) == ("implements", TextRef("jira", "item", "CHURN", "4"), "by hand")


def test_data_quality_takes_limits_by_glob(load: Load, small: str) -> None:
    file = load(f'{small}    data: {{quality: {{"dq.*": {{lte: 0.02, gt: -1}}}}}}\n')
    assert file.projects["churn"].data.quality == {"dq.*": Bound(lte=0.02, gt=-1)}


def test_an_override_keeps_what_it_does_not_say_and_new_statuses_follow(load: Load, small: str) -> None:
    own = (
        "  - {id: overdue, title: Overdue, kind: alarm, rank: 5, says: '{name} is late', for: work_item, label: overdue,"
        " when: {any: [{subject: {overdue: true}}]}}\n"
    )
    file = load(f"{small}statuses:\n  - {{id: drift-alert, close_after: 7}}\n{own}")
    rules = {rule.id: rule for rule in effective_statuses(file)}
    assert list(rules) == [*shipped_statuses(), "overdue"]
    assert rules["drift-alert"].close_after == 7
    assert rules["drift-alert"].title == shipped_statuses()["drift-alert"]["title"]


def test_the_store_is_found_from_any_directory(load: Load, small: str, tmp_path: Path) -> None:
    for said, meant in (
        ("sqlite:///state/m.db?timeout=5", f"sqlite:///{tmp_path}/state/m.db?timeout=5"),
        ("sqlite:////data/m.db", "sqlite:////data/m.db"),
        ("postgresql://milepost@db.example.com/milepost", "postgresql+psycopg://milepost@db.example.com/milepost"),
    ):
        assert load(f"{small}store: {{url: '{said}'}}\n").store.url == meant


def test_the_digest_is_of_the_meaning(load: Load, full_example: str) -> None:
    digest = canonical_hash(load(full_example))
    same = (
        full_example.replace("risk_class: limited", "# a comment").replace(
            "    name: Churn", "    risk_class: limited\n    name: Churn"
        )
    ).replace('"https://api.github.com"', "https://api.github.com")
    assert canonical_hash(load(same.replace("fresh_within: 26h", "fresh_within: 1560m"))) == digest
    assert canonical_hash(load(full_example.replace("statuses: []", ""))) == digest
    assert canonical_hash(load(full_example.replace("sqlite:///milepost.db", "sqlite:///other.db"))) == digest
    paced = full_example.replace("{type: github,", "{type: github, pull: '0 * * * *', rate: 4000/h,")
    assert load(paced).sources["github"].rate == Rate(4000, timedelta(hours=1))
    assert canonical_hash(load(paced)) == digest
    for old, new in (
        ("0.85", "0.86"), ("CHURN]", "CHURN, ML]"), ("ml/", "ai/"), ("CHURN-1", "CHURN-2"), ("eu-west-1", "eu-west-2"),
        ("26h", "27h"), ("champion", "best"), ("statuses: []", "statuses: [{id: drift-alert, rank: 91}]"),
    ):  # fmt: skip
        assert canonical_hash(load(full_example.replace(old, new))) != digest, new


def test_the_digest_knows_which_project_is_first(load: Load, small: str) -> None:
    first, second = "  a: {scopes: {github: {repositories: [a/b]}}}\n", "  b: {scopes: {github: {repositories: [a/c]}}}\n"
    assert canonical_hash(load(small + first + second)) != canonical_hash(load(small + second + first))


def test_the_digest_does_not_depend_on_the_order_of_a_set(tmp_path: Path) -> None:
    class Options(BaseModel):
        tags: frozenset[str]

    class Scope(BaseModel):
        pass

    path = tmp_path / "milepost.yaml"
    digests = set()
    for tags in ("[a, b, c, d]", "[d, b, c, a]"):
        path.write_text(f"sources: {{x: {{type: t, tags: {tags}}}}}\nprojects: {{p: {{scopes: {{x: {{}}}}}}}}\n")
        models: Mapping[str, TypeModels] = {"t": TypeModels(options=Options, scope=Scope)}
        digests.add(canonical_hash(load_project_file(path, types=models)))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("jira:ML-42", TextRef("jira", "item", "ML", "42")),
        ("github:example/churn#12", TextRef("github", "item", "example/churn", "12")),
        ("github:example/churn@0a1b2c3", TextRef("github", "commit", "example/churn", "0a1b2c3")),
        ("mlflow:run/0a1b2c", TextRef("mlflow", "run", "0a1b2c")),
        ("mlflow:model/team/churn/3", TextRef("mlflow", "model_version", "team/churn", "3")),
        ("mlflow:dataset/churn-2026", TextRef("mlflow", "dataset", "churn-2026")),
        ("aws-eu:deployment/churn-prod", TextRef("aws-eu", "deployment", "churn-prod")),
    ],
)
def test_a_text_ref_reads_back(text: str, ref: TextRef) -> None:
    assert TextRef.parse(text) == ref
    assert str(ref) == text


def test_an_endpoint_is_a_deployment() -> None:
    assert TextRef.parse("aws-eu:endpoint/churn-prod") == TextRef.parse("aws-eu:deployment/churn-prod")


@pytest.mark.parametrize(
    "text", ["", "jira", "jira:", "ML-42", "Jira:ML-42", "jira:ml-42", "jira:ML-0", "github:a/b#0", "github:a/b@xyz", "x:run/"]
)
def test_what_is_no_text_ref_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no object"):
        TextRef.parse(text)
