"""The facts that rules speak of, one small function each: entity in, fact out. The vocabulary is that of `mappings.patterns`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mappings.model import ChangeRequest, Commit, Dataset, Deployment, Entity, Milestone, ModelVersion, Run, WorkItem
from sync.facts.data import data_time, fresh, is_current, unless_runs_lack
from sync.facts.evidence import checks_passed, evidence_missing
from sync.facts.failing import deploy_failed
from sync.facts.merges import change_merged, merged
from sync.facts.production import is_production, latest, traced, traffic
from sync.facts.saying import listed, since, text, when, yes
from sync.facts.serving import approval, deployed, released, service, serving
from sync.facts.training import RUN_WORDS, meets_thresholds, run_status, version_meets, version_merged
from sync.facts.upkeep import training_due
from sync.facts.work import about_data, overdue
from sync.view import Fact, Unknown, View

FactOf: TypeAlias = Callable[[Any, View], Fact | Unknown]

FACTS: Mapping[type[Entity], Mapping[str, FactOf]] = {
    WorkItem: {
        "open": lambda item, _: yes(item.is_open, "is open", "is closed"),
        "status": lambda item, _: Fact(item.status, f"has status {item.status}" if item.status else ""),
        "status_category": lambda item, _: text(item.status_category, "is"),
        "item_type": lambda item, _: Fact(item.item_type, f"is of type {item.item_type}" if item.item_type else ""),
        "label": lambda item, _: listed(item.labels, "label", "labels"),
        "component": lambda item, _: listed(item.components, "component", "components"),
        "about_data": about_data,
        "overdue": lambda item, view: overdue(item.due, is_open=item.is_open, view=view),
        "age": lambda item, view: when(item.created_at, "was created", view),
    },
    ChangeRequest: {
        "state": lambda change, _: text(change.state, "is"),
        "draft": lambda change, _: yes(change.draft, "is a draft", "is no draft"),
        "merged": change_merged,
        "label": lambda change, _: listed(change.labels, "label", "labels"),
        "age": lambda change, view: when(change.created_at, "was opened", view),
    },
    Commit: {
        "on_default_branch": lambda commit, _: yes(commit.on_default_branch, "is on the default branch", "is on no default branch"),
        "age": lambda commit, view: when(commit.committed_at or commit.authored_at, "was committed", view),
    },
    Run: {
        "status": lambda run, _: Fact(run.status, RUN_WORDS.get(run.status, "is in no known state")),
        "meets_thresholds": meets_thresholds,
        "merged": lambda run, view: merged([run.ref], view),
        "serving": deployed,
        "traffic": traffic,
        "deploy_failed": deploy_failed,
        "framework": lambda run, _: Fact(run.framework, f"used {run.framework}" if run.framework else ""),
        "age": lambda run, view: when(run.ended_at or run.started_at, "ended" if run.ended_at else "started", view),
    },
    Dataset: {
        "name": lambda dataset, _: Fact(dataset.name, f"is called {dataset.name}"),
        "current": lambda dataset, view: is_current(dataset.ref, view),
        "fresh": fresh,
        "age": lambda dataset, view: unless_runs_lack(when(data_time(dataset, view), "was taken", view), view),
    },
    ModelVersion: {
        "released": released,
        "alias": lambda version, _: listed(version.aliases, "alias", "aliases"),
        "approval": approval,
        "serving": serving,
        "run_status": run_status,
        "meets_thresholds": version_meets,
        "merged": version_merged,
        "latest": latest,
        "traffic": traffic,
        "deploy_failed": deploy_failed,
        "training_due": training_due,
        "checks_passed": checks_passed,
        "evidence_missing": evidence_missing,
        "age": lambda version, view: since(version, "was registered", view),
    },
    Deployment: {
        "state": lambda deployment, _: text(deployment.state, "is"),
        "platform": lambda deployment, _: Fact(deployment.platform, f"runs on {deployment.platform}"),
        "environment": lambda deployment, _: Fact(
            deployment.environment, f"is in {deployment.environment}" if deployment.environment else ""
        ),
        "serving": lambda deployment, _: service(deployment),
        "production": lambda deployment, view: yes(is_production(deployment, view), "is in production", "is not in production"),
        "traced": traced,
        "age": lambda deployment, view: since(deployment, "was created", view),
    },
    Milestone: {
        "state": lambda milestone, _: text(milestone.state, "is"),
        "overdue": lambda milestone, view: overdue(milestone.due, is_open=milestone.state == "open", view=view),
    },
}
"""Every fact of every kind. The names are those of the patterns' fields; a test holds the two against each other."""
