"""Each kind of mistake in a project file: the exact place, what is wrong and how to repair it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config.problems import ConfigError, Problem
from config.project import ProjectFile

Load = Callable[[str], ProjectFile]
Problems = Callable[[str], list[Problem]]


IN_PROJECT = [
    ("name: 3", 11, "projects.churn.name", "expected a text, found the number 3", "quotes"),
    ("name: ''", 11, "projects.churn.name", "must not be empty", ""),
    ("names: x", 5, "projects.churn.names", "unknown key", "did you mean name?"),
    ("data:", 5, "projects.churn.data", "expected a mapping (lines of `key: value`), found nothing", "remove the line"),
    ("risk_class: hgih", 17, "projects.churn.risk_class", "'hgih' is not one of minimal, limited, high", "did you mean high?"),
    ("timezone: Europe/Berln", 15, "projects.churn.timezone", "no IANA time zone", "did you mean Europe/Berlin?"),
    ("timezone: ''", 15, "projects.churn.timezone", "no IANA time zone", "Europe/Berlin"),
    ("timezone: ../../etc/passwd", 15, "projects.churn.timezone", "no IANA time zone", ""),
    ("owners: Ada Example", 13, "projects.churn.owners", "expected a list, found a text", "[one, two]"),
    ("owners: [Ada Example, 7]", 27, "projects.churn.owners[1]", "expected a text, found the number 7", "quotes"),
    ("watch: {jra: CHURN-1}", 13, "projects.churn.watch.jra", "there is no source 'jra'", "did you mean jira?"),
    ("watch: {mlflow: x}", 13, "projects.churn.watch.mlflow", "where nothing can be shown", "github, jira"),
    ("thresholds: {auc: {}}", 23, "projects.churn.thresholds.auc", "gives no limit", "gte"),
    ("thresholds: {auc: {gte: }}", 23, "projects.churn.thresholds.auc", "gives no limit", "gte"),
    ("thresholds: {auc: 0.8}", 23, "projects.churn.thresholds.auc", "expected a limit, found the number 0.8", "{gte: 0.85}"),
    ("thresholds: {auc: {gte: '0.8'}}", 23, "projects.churn.thresholds.auc", "gte: expected a number, found a text", "{gte: 0.85}"),
    ("thresholds: {auc: {gte: true}}", 23, "projects.churn.thresholds.auc", "gte: expected a number, found true", "{gte: 0.85}"),
    ("thresholds: {auc: {gte: .nan}}", 29, "projects.churn.thresholds.auc.gte", "must be a finite number", ""),
    ("thresholds: {auc: {lt: .inf}}", 28, "projects.churn.thresholds.auc.lt", "must be a finite number", ""),
    ("thresholds: {auc: {gt: 1, lt: 1}}", 23, "projects.churn.thresholds.auc", "no number can be > 1 and < 1", "widen"),
    ("thresholds: {auc: {gte: 2, lte: 1}}", 23, "projects.churn.thresholds.auc", "no number can be", "swap"),
    ("thresholds: {auc: {gte: 1, gt: 1}}", 23, "projects.churn.thresholds.auc", "two limits on one side", "gte or gt"),
    ("thresholds: {auc: {gt: 1, ltee: 2}}", 31, "projects.churn.thresholds.auc.ltee", "unknown key", "did you mean lte?"),
    ("data: {quality: [a]}", 21, "projects.churn.data.quality", "expected a glob or a mapping", "data_quality.*"),
    ("data: {quality: {a: 1}}", 25, "projects.churn.data.quality.a", "expected a limit", "gte"),
    ("data: {fresh_within: 0d}", 26, "projects.churn.data.fresh_within", "no duration", ""),
    ("data: {fresh_within: -3d}", 26, "projects.churn.data.fresh_within", "no duration", ""),
    ("drift: {metrics: drift}", 22, "projects.churn.drift.metrics", "expected a mapping", ""),
    ("retrain: {every: 30}", 22, "projects.churn.retrain.every", "30 is no duration", ""),
    ("retrain: 90d", 14, "projects.churn.retrain", "expected a mapping", ""),
    ("tags: {tickets: [x]}", 12, "projects.churn.tags.tickets", "unknown key", "did you mean ticket?"),
    ("tags: {ticket: x}", 20, "projects.churn.tags.ticket", "expected a list, found a text", "[one, two]"),
    ("tags: {ticket: ['']}", 21, "projects.churn.tags.ticket[0]", "must not be empty", ""),
    ("tags: {commit: ['git*']}", 21, "projects.churn.tags.commit[0]", "'git*' is no name of a tag", "write each tag out"),
    ("tags: {commit: [JIRA]}", 11, "projects.churn.tags", "'JIRA' names a commit here, and a ticket elsewhere", "one of the two"),
    ("tags: {run: [x], model_version: [X]}", 11, "projects.churn.tags", "a model version here, and a run elsewhere", "one of"),
    ("publish: {jira: {feld: x}}", 22, "projects.churn.publish.jira.feld", "unknown key", "did you mean field?"),
    ("publish: {mlflow: {}}", 15, "projects.churn.publish.mlflow", "where nothing can be shown", "remove it"),
    ("publish: {gihub: {}}", 15, "projects.churn.publish.gihub", "there is no source", "did you mean github?"),
    ("links: [{source: A-1, relation: blocks, target: 'jira:A-2'}]", 22, "projects.churn.links[0].source", "names no object", ""),
    ("links: [{source: 'jra:A-1', relation: blocks, target: 'jira:A-2'}]", 22, "projects.churn.links[0].source", "'jra'", "jira"),
    ("links: [{source: 'jira:A-1', relation: mentions, target: 'jira:A-2'}]", 44, "projects.churn.links[0].relation", "not", ""),
    ("links: [{source: 'jira:ML-1', relation: blocks}]", 13, "projects.churn.links[0]", "target is missing", "add `target: …`"),
    ("key: x", 5, "projects.churn.key", "unknown key", "allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "path", "says", "fix"), IN_PROJECT)
def test_a_mistake_in_a_project(
    problems: Problems, small: str, tmp_path: Path, line: str, column: int, path: str, says: str, fix: str
) -> None:
    (problem,) = problems(f"{small}    {line}\n")
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "milepost.yaml"), 9, column)
    assert (problem.path, problem.level) == (path, "error")
    assert says in problem.message
    assert fix in (problem.fix or "")


AT_TOP = [
    ("fresh_withn: 26h", 1, "fresh_withn", "unknown key", "did you mean fresh_within?"),
    ("path: x", 1, "path", "unknown key", "allowed"),
    ("findings: []", 1, "findings", "unknown key", "allowed"),
    ("fresh_within: 26", 15, "fresh_within", "26 is no duration", ""),
    ("unknown_after: 0h", 16, "unknown_after", "no duration", ""),
    ("safety: {max_changes: 30}", 23, "safety.max_changes", "must be at most 1", ""),
    ("safety: {max_deletes: -0.1}", 23, "safety.max_deletes", "must be at least 0", ""),
    ("safety: {max_changes: .nan}", 23, "safety.max_changes", "finite", ""),
    ("safety: {max_additions: 1.5}", 25, "safety.max_additions", "expected a whole number, found the number 1.5", ""),
    ("safety: {max_additions: true}", 25, "safety.max_additions", "expected a number, found true", ""),
    ("retention: {audit: 400}", 20, "retention.audit", "no duration", ""),
    ("publish: {jira: {feld: x}}", 18, "publish.jira.feld", "unknown key", "did you mean field?"),
    ("publish: {jira: {labels: maybe}}", 26, "publish.jira.labels", "expected true or false, found a text", "without quotes"),
    ("publish: {jra: {}}", 11, "publish.jra", "there is no source 'jra'", "did you mean jira?"),
    ("publish: {mlflow: {}}", 11, "publish.mlflow", "where nothing can be shown", "remove it"),
    ("publish: {jira: false}", 17, "publish.jira", "expected a mapping", ""),
    ("publish: [jira]", 10, "publish", "expected a mapping", ""),
    ("store: {url: 'mysql://db.example.com/m'}", 14, "store.url", "does not support", "postgresql+psycopg"),
    ("store: {url: 'milepost.db'}", 14, "store.url", "is no database URL", "sqlite:///milepost.db"),
    ("store: {url: 'sqlite://milepost.db'}", 14, "store.url", "two slashes", "sqlite:///milepost.db"),
    ("store: {url: 'sqlite://'}", 14, "store.url", "in memory", "sqlite:///milepost.db"),
    ("store: {url: 'postgresql://milepost@/'}", 14, "store.url", "a host and a database", "name"),
    ("statuses: {id: x}", 11, "statuses", "expected a list of statuses", "- id"),
    ("statuses: [x]", 12, "statuses[0]", "expected a mapping with an id", "- id"),
    ("statuses: [{id: drift-alrt, open_after: 3}]", 17, "statuses[0].id", "also needs title, kind", "drift-alert"),
    ("statuses: [{id: drift-alert, open_aftr: 3}]", 30, "statuses[0].open_aftr", "unknown key", "did you mean open_after?"),
    ("statuses: [{id: drift-alert, open_after: 0}]", 42, "statuses[0].open_after", "must be at least 1", ""),
    ("statuses: [{id: drift-alert}, {id: drift-alert}]", 36, "statuses[1].id", "is here twice", "keep one"),
    ("statuses: [{id: drift-alert, label: data-blocked}]", 12, "statuses[0]", "label", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "path", "says", "fix"), AT_TOP)
def test_a_mistake_at_the_top_level(problems: Problems, small: str, line: str, column: int, path: str, says: str, fix: str) -> None:
    (problem,) = problems(f"{small}{line}\n")
    assert (problem.line, problem.column, problem.path, problem.level) == (9, column, path, "error")
    assert says in problem.message
    assert fix in (problem.fix or "")


SOURCES = [
    ("jra: {type: jira, url: x, deploymnt: cloud}", 29, "sources.jra.deploymnt", "unknown key", "did you mean deployment?"),
    ("x: {type: jira, url: x, deployment: clod}", 39, "sources.x.deployment", "'clod' is not one of cloud, data-center", "cloud?"),
    ("x: {type: jra, url: x}", 13, "sources.x.type", "'jra' is no known type", "did you mean jira?"),
    ("x: {type: [jira], url: x}", 13, "sources.x.type", "is no known type", "jira"),
    ("x: {url: x}", 3, "sources.x", "type is missing", "add `type: …`"),
    ("x: jira", 6, "sources.x", "expected the source's type and options", "type"),
    ("x: {type: jira}", 3, "sources.x", "url is missing", "add `url: …`"),
    ("x: {type: sagemaker, region: 3}", 32, "sources.x.region", "expected a text, found the number 3", "quotes"),
    ("X_y: {type: github, url: x}", 3, "sources.X_y", "cannot be a source's name", "lower-case"),
    ("store: {type: github, url: x}", 3, "sources.store", "cannot be called store", "rename"),
    ("x: {type: jira, url: x, rat: 20/s}", 27, "sources.x.rat", "unknown key", "did you mean rate?"),
    ("x: {type: jira, url: x, pul: x}", 27, "sources.x.pul", "unknown key", "did you mean pull? Allowed: deployment, pull, rate"),
    ("x: {type: jira, url: x, rate: 4000}", 33, "sources.x.rate", "expected a rate, found the number 4000", "such as 4000/h"),
    ("x: {type: jira, url: x, rate: 4000 per hour}", 33, "sources.x.rate", "'4000 per hour' is no rate", "did you mean 4000/h?"),
    ("x: {type: jira, url: x, rate: 0/h}", 33, "sources.x.rate", "'0/h' is no rate", "write a whole number"),
    ("x: {type: jira, url: x, rate: 1.5/s}", 33, "sources.x.rate", "'1.5/s' is no rate", "/s, /m, /h or /d"),
    ("x: {type: jira, url: x, rate: 10/month}", 33, "sources.x.rate", "'10/month' is no rate", "/s, /m, /h or /d"),
    ("x: {type: jira, url: x, pull: }", 32, "sources.x.pull", "expected a schedule, found nothing", "in quotes"),
    ("x: {type: jira, url: x, pull: 10m}", 33, "sources.x.pull", "'10m' is no schedule of five fields", "*/10 * * * *"),
    ("x: {type: jira, url: x, pull: 60 * * * *}", 33, "sources.x.pull", "'60' is no minute", "write 0 to 59"),
    ("x: {type: jira, url: x, pull: 0 0 * * mo}", 33, "sources.x.pull", "'mo' is no day of the week of a schedule", "write *"),
    ("x: {type: jira, url: x, pull: 0 0 * * mond}", 33, "sources.x.pull", "'mond' is no day of the week of a schedule", "write *"),
    ("x: {type: jira, url: x, pull: 0 0 * jna *}", 33, "sources.x.pull", "'jna' is no month", "1 to 12, or jan, feb"),
    ("x: {type: jira, url: x, pull: 5/10 * * * *}", 33, "sources.x.pull", "'5/10': a step needs a range", "write 5-59/10"),
    ("x: {type: jira, url: x, pull: 0 22-6 * * *}", 33, "sources.x.pull", "'22-6': the range runs backwards", "smaller value"),
    ("x: {type: jira, url: x, pull: '*/0 * * * *'}", 33, "sources.x.pull", "'*/0': the step must be 1 to 59", "*/2"),
    ("x: {type: jira, url: x, pull: 0 0 30 2 *}", 33, "sources.x.pull", "no such day ever comes", "name a day"),
    ("x: {type: jira, url: x, pull: 0 0 L * *}", 33, "sources.x.pull", "'l' is no day of the month of a schedule", "1-3"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "path", "says", "fix"), SOURCES)
def test_a_mistake_in_a_source(problems: Problems, line: str, column: int, path: str, says: str, fix: str) -> None:
    text = f"sources:\n  github: {{type: github}}\n  {line}\nprojects: {{churn: {{scopes: {{github: {{repositories: [a/b]}}}}}}}}\n"
    found = [problem for problem in problems(text) if problem.level == "error"]
    assert [(p.line, p.column, p.path) for p in found] == [(3, column, path)]
    assert says in found[0].message
    assert fix in (found[0].fix or "")


SCOPES = [
    ("jra: {projects: [X]}", 7, "jra", "there is no source 'jra'", "did you mean jira?"),
    ("github: {repositores: [a/b]}", 16, "github.repositores", "unknown key", "did you mean repositories?"),
    ("github: {}", 7, "github", "repositories is missing", "add `repositories: …`"),
    ("github: {repositories: []}", 30, "github.repositories", "needs at least 1, found 0", ""),
    ("github: {repositories: a/b}", 30, "github.repositories", "expected a list, found a text", "[one, two]"),
    ("github:", 7, "github", "expected a mapping (lines of `key: value`), found nothing", "remove the line"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "path", "says", "fix"), SCOPES)
def test_a_mistake_in_a_scope(problems: Problems, small: str, line: str, column: int, path: str, says: str, fix: str) -> None:
    found = problems(f"{small}      {line}\n")
    (problem,) = [one for one in found if says in one.message]
    assert (problem.line, problem.column, problem.path) == (9, column, f"projects.churn.scopes.{path}")
    assert fix in (problem.fix or "")
    assert all("repositories is missing" in other.message for other in found if other is not problem)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n", [("a", "unknown key"), ("", "the file has no sources"), ("", "the file has no projects")]),
        ("sources: {}\nprojects:\n", [("sources", "no sources"), ("projects", "no projects")]),
        ("sources: [a]\nprojects: 3\n", [("sources", "expected a mapping"), ("projects", "expected a mapping")]),
        (
            "source: {jira: {type: jira}}\nprojects: {a: {scopes: {jira: {projects: [A]}}, "
            "links: [{source: 'jira:A-1', relation: blocks, target: 'jira:A-2'}]}}\npublish: {jira: {}}\n",
            [("source", "unknown key"), ("", "the file has no sources")],
        ),
        ("sources: {github: {type: github}}\nprojects: {a: {}}\n", [("projects.a", "no scopes")]),
        ("sources: {github: {type: github}}\nprojects: {a: {scopes: }}\n", [("projects.a.scopes", "no scopes")]),
        ("sources: {github: {type: github}}\nprojects: {a: x}\n", [("projects.a", "expected a mapping")]),
        ("sources: {github: {type: github}}\nprojects: {a: {scopes: x}}\n", [("projects.a.scopes", "expected a mapping")]),
        (
            "sources: {github: {type: github}}\nprojects: {a b: {scopes: {github: {repositories: [a/b]}}}}\n",
            [("projects.a b", "key")],
        ),
    ],
)
def test_what_is_not_there_at_all(problems: Problems, text: str, expected: list[tuple[str, str]]) -> None:
    found = problems(text)
    assert sorted(problem.path for problem in found) == sorted(path for path, _ in expected)
    for path, says in expected:
        assert any(problem.path == path and says in problem.message for problem in found)


def test_all_problems_are_told_at_once_and_in_file_order(load: Load, tmp_path: Path) -> None:
    text = (
        "fresh_within: 26\n"
        "sources:\n"
        "  jira: {type: jira, url: https://example.atlassian.net, token: hunter2canary}\n"
        "  jira: {type: jira, url: x}\n"
        "  github: {type: github}\n"
        "  hub: {type: github, url: https://API.github.com/}\n"
        "projects:\n"
        "  churn:\n"
        "    timezone: Mars/Base\n"
        "    scopes: {jira: {projects: [CHURN]}, gitub: {}}\n"
        "    thresholds: {a: {}}\n"
        "safety: {max_changes: 2}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert [(p.line, p.level) for p in caught.value.problems] == [
        (1, "error"),
        (3, "error"),
        (4, "error"),
        (6, "warning"),
        (9, "error"),
        (10, "error"),
        (11, "error"),
        (12, "error"),
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == 8
    assert lines[0].startswith(f"{tmp_path / 'milepost.yaml'}:1:15: error: fresh_within: 26 is no duration")
    assert "hunter2canary" not in str(caught.value) + repr(caught.value)


def test_names_whose_variables_cannot_be_told_apart_are_refused(problems: Problems) -> None:
    scopes = "projects: {a: {scopes: {hub: {repositories: [a/b]}}}}\n"
    found = problems(f"sources:\n  hub: {{type: github}}\n  hub--eu: {{type: github, url: x}}\n{scopes}")
    assert [(p.line, p.path) for p in found] == [(3, "sources.hub--eu")]
    assert "MILEPOST_HUB__EU__" in found[0].message
    assert problems(f"sources:\n  hub: {{type: github}}\n  hub-eu: {{type: github, url: x}}\n{scopes}") == []
