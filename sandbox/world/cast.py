"""The systems that the world lives in, and what its people do again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sandbox.azureml import AzureMLSite
from sandbox.github import GitHub
from sandbox.jira import JiraCloud
from sandbox.mlflow.fitting import Algorithm, Data
from sandbox.mlflow.training import Source, TrainedModel, train
from sandbox.sagemaker.server import AwsRegion

DATA = Path(__file__).parent.with_name("data")


@dataclass(frozen=True)
class Cast:
    """Everything that runs while the world does. Jira and GitHub are written to, the others are only read."""

    jira: JiraCloud
    github: GitHub
    mlflow_url: str
    ireland: AwsRegion
    oregon: AwsRegion
    azure: AzureMLSite

    @contextmanager
    def on_the_day(self, days_ago: int) -> Iterator[datetime]:
        """What people do in Jira and GitHub inside was done so long ago. The moment."""
        moment = datetime.now(UTC) - timedelta(days=days_ago)
        before = self.jira.clock, self.github.clock
        self.jira.clock = self.github.clock = lambda: moment
        try:
            yield moment
        finally:
            self.jira.clock, self.github.clock = before


@dataclass(frozen=True)
class Work:
    """One piece of work: a branch with a commit, its pull request, and the commit that a training starts from."""

    repository: str
    head: str
    number: int


def propose(github: GitHub, repository: str, branch: str, title: str, *, body: str | None = None, reviewed: bool = True) -> Work:
    """A branch with a commit, one more after review, and its open pull request."""
    head = github.commit(repository, f"{title}\n\nFirst version.", branch=branch, author="Grace Sample")
    if reviewed:
        head = github.commit(repository, f"{title}, after review", branch=branch, author="Grace Sample")
    return Work(repository, head, github.open_pull(repository, title, branch, body=body))


def train_with_mlflow(
    cast: Cast, work: Work, algorithm: Algorithm, data: Data, name: str, *, alias: str | None = None
) -> TrainedModel:
    """The next version of the model `name`, trained from the work's last commit."""
    return train(
        cast.mlflow_url,
        experiment=f"{work.repository.partition('/')[2]}-training",
        algorithm=algorithm,
        data=data,
        source=Source(work.head, f"{cast.github.url}/{work.repository}"),
        registered_name=name,
        alias=alias,
        run_name=f"{name} by {algorithm}",
    )


def data_of(table: str, target: str, *, lost: float = 0.0) -> Data:
    """One of the tables beside this package, as it was yesterday."""
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - a calendar day of the fictional data, not a moment
    return Data(
        csv=DATA / f"{table}.csv", target=target, origin=f"https://data.example.com/{table}.csv", as_of=yesterday, lost=lost
    )


def without(data: Data, *names: str) -> Sequence[str]:
    """The features of a table, but for these."""
    with data.csv.open(encoding="utf-8") as file:
        columns = file.readline().strip().split(",")
    return [column for column in columns if column not in (data.target, *names)]
