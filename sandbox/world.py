"""The demo's world: four fictional projects whose people, code, models and data have got into every state that Milepost tells of.

Importing this module imports pandas and scikit-learn: some seconds.

- `churn`: a ticket whose released model is sound, and one whose model is not good enough yet;
- `loan`: a released model that drifts while its follow-up is in review; somebody takes the alert off its ticket by hand;
- `demand`: tickets and a GitHub issue held up by data, and drift of a model whose ticket was closed long ago: its alert goes to the
  watch ticket;
- `triage`: drift that cannot be told, and a field that somebody filled before Milepost came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.mlflow.training import Algorithm, Data, Source, TrainedModel, monitor, train, unreadable_monitor
from sandbox.statuses import STATUSES

FIELD = "ML Status"
DATA = Path(__file__).with_name("data")


@dataclass(frozen=True)
class Cast:
    """The three systems that the world lives in."""

    jira: JiraCloud
    github: GitHub
    mlflow_url: str


@dataclass(frozen=True)
class Work:
    """One piece of work: a branch with a commit, its pull request, and the commit that a training starts from."""

    repository: str
    head: str
    number: int


def people_set_up(jira: JiraCloud, github: GitHub) -> None:
    """The places where work happens, before anything is trained."""
    for key, name in (
        ("CHURN", "Churn prediction"),
        ("LOAN", "Loan default"),
        ("DEMAND", "Demand forecast"),
        ("TRIAGE", "Document triage"),
    ):
        jira.add_project(key, name)
        jira.add_component(key, "Data")
        jira.add_issue(key, f"Watch: alerts about {name.lower()}", type="Task", assignee="Ada Example")
    jira.add_field(FIELD, "select", options=STATUSES)
    for name in ("churn", "loan", "demand", "triage"):
        github.add_repository(f"example/{name}", description=f"Fictional: {name}")


def people_work(cast: Cast) -> Sequence[Callable[[], None]]:
    """The doings of each project, which are independent of each other."""
    return [lambda: _churn(cast), lambda: _loan(cast), lambda: _demand(cast), lambda: _triage(cast)]


def people_disagree(cast: Cast) -> None:
    """After the first sync: somebody takes the drift alert off a ticket."""
    cast.jira.edit("LOAN-2", fields={FIELD: None})


def _churn(cast: Cast) -> None:
    jira, github = cast.jira, cast.github
    ready = jira.add_issue("CHURN", "Predict churn from usage", status="In Progress", assignee="Ada Example", labels=["model"])
    smaller = jira.add_issue("CHURN", "Try fewer features", status="In Progress", assignee="Grace Sample")
    work = _propose(github, "example/churn", f"feature/{ready.lower()}-usage", f"{ready} Train on usage data")
    _train(cast, work, "logistic", "customer_churn", "churned", "churn-classifier", alias="champion")
    github.merge("example/churn", work.number, "squash")
    draft = _propose(github, "example/churn", f"feature/{smaller.lower()}", f"{smaller} Fewer features", reviewed=False)
    _train(
        cast, draft, "logistic", "customer_churn", "churned", "churn-classifier", alias="challenger", features=["monthly_charge"]
    )


def _loan(cast: Cast) -> None:
    jira, github = cast.jira, cast.github
    ticket = jira.add_issue("LOAN", "Score loan defaults", status="In Progress", assignee="Ada Example")
    work = _propose(github, "example/loan", f"{ticket.lower()}-scoring", f"{ticket} Score defaults")
    model = _train(cast, work, "forest", "loan_default", "defaulted", "loan-default", alias="champion")
    github.merge("example/loan", work.number, "merge")
    title = f"{ticket} Recalibrate after the new price list"
    _propose(github, "example/loan", f"{ticket.lower()}-recalibrate", title, reviewed=False)
    _watch(cast, "loan", "loan_default", "defaulted", model, shift=1.2)


def _demand(cast: Cast) -> None:
    jira, github = cast.jira, cast.github
    long_ago = datetime.now(UTC) - timedelta(days=75)
    old = jira.add_issue("DEMAND", "Forecast weekly demand", status="Done", created=long_ago)
    blocked = jira.add_issue("DEMAND", "Forecast promotions", status="In Progress", assignee="Grace Sample")
    feed = jira.add_issue("DEMAND", "Repair the price feed", type="Bug", components=["Data"], labels=["data"])
    jira.link(feed, "Blocks", blocked)
    gaps = jira.add_issue("DEMAND", "Forecast returns", status="In Progress")
    work = _propose(github, "example/demand", f"{old.lower()}-weekly", f"{old} Weekly forecast")
    model = _train(cast, work, "ridge", "demand_forecast", "units_sold", "demand-forecast", alias="champion")
    github.merge("example/demand", work.number, "rebase")
    _watch(cast, "demand", "demand_forecast", "units_sold", model, shift=0.9)
    wanted = github.add_issue("example/demand", "Forecast returns of sold goods", body="Wanted for planning the warehouse.")
    returns = _propose(
        github, "example/demand", f"{gaps.lower()}-returns", f"{gaps} Forecast returns", body=f"Fixes #{wanted}", reviewed=False
    )
    _train(cast, returns, "ridge", "demand_forecast", "units_sold", "returns-forecast", lost=0.2)


def _triage(cast: Cast) -> None:
    jira, github = cast.jira, cast.github
    ticket = jira.add_issue("TRIAGE", "Sort incoming documents", status="In Progress", assignee="Ada Example")
    jira.add_issue("TRIAGE", "Sort by urgency", fields={FIELD: "Model ready"})
    work = _propose(github, "example/triage", f"{ticket.lower()}-sort", f"{ticket} Sort documents")
    model = _train(cast, work, "forest", "document_triage", "queue", "document-triage", alias="champion")
    github.merge("example/triage", work.number, "squash")
    unreadable_monitor(cast.mlflow_url, experiment="triage-monitoring", model_version=f"{model.name}/{model.version}")


def _propose(github: GitHub, repository: str, branch: str, title: str, *, body: str | None = None, reviewed: bool = True) -> Work:
    """A branch with a commit, one more after review, and its open pull request."""
    head = github.commit(repository, f"{title}\n\nFirst version.", branch=branch, author="Grace Sample")
    if reviewed:
        head = github.commit(repository, f"{title}, after review", branch=branch, author="Grace Sample")
    return Work(repository, head, github.open_pull(repository, title, branch, body=body))


def _train(
    cast: Cast,
    work: Work,
    algorithm: Algorithm,
    table: str,
    target: str,
    name: str,
    *,
    alias: str | None = None,
    features: Sequence[str] | None = None,
    lost: float = 0.0,
) -> TrainedModel:
    return train(
        cast.mlflow_url,
        experiment=f"{work.repository.partition('/')[2]}-training",
        algorithm=algorithm,
        data=_data(table, target, lost=lost),
        source=Source(work.head, f"{cast.github.url}/{work.repository}"),
        registered_name=name,
        alias=alias,
        features=features,
        run_name=f"{name} by {algorithm}",
    )


def _watch(cast: Cast, project: str, table: str, target: str, model: TrainedModel, *, shift: float) -> None:
    version = f"{model.name}/{model.version}"
    monitor(cast.mlflow_url, experiment=f"{project}-monitoring", data=_data(table, target), model_version=version, shift=shift)


def _data(table: str, target: str, *, lost: float = 0.0) -> Data:
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - a calendar day of the fictional data, not a moment
    return Data(
        csv=DATA / f"{table}.csv", target=target, origin=f"https://data.example.com/{table}.csv", as_of=yesterday, lost=lost
    )
