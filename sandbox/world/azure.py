"""What a team does in a workspace of Azure Machine Learning: train, register, deploy and watch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.azureml import AzureMLSite, documents
from sandbox.mlflow.fitting import Fitted
from sandbox.mlflow.tables import distance_by_feature, serving_sample
from sandbox.world.cast import Work

DRIFT = "feature-drift"


class Workspace:
    """The workspace as a team uses it. `at` is when something was made, if not just now."""

    def __init__(self, site: AzureMLSite, repository_host: str) -> None:
        self._site = site
        self._host = repository_host

    def train(self, job: str, work: Work, fitted: Fitted, *, at: datetime | None = None) -> None:
        """A job that made the fitted model from the work's last commit."""
        asset = fitted.data.csv.stem.replace("_", "-")
        self._site.put(f"data/{asset}/versions/1", documents.data_version(f"azureml://datastores/example/paths/{asset}"), at=at)
        self._site.put(
            f"jobs/{job}",
            documents.job(
                f"{work.repository.partition('/')[2]}-training",
                display_name=job,
                inputs={"training_data": documents.data_input(f"azureml:{asset}:1")},
                tags={name: f"{value:.6g}" for name, value in fitted.metrics.items()},
                properties={
                    "azureml.git.commit": work.head,
                    "azureml.git.repository_uri": f"{self._host}/{work.repository}",
                },
            ),
            at=at,
        )

    def register(self, model: str, version: int, job: str, *, at: datetime | None = None) -> str:
        """A version from the job's output. Its resource id."""
        uri = f"azureml://jobs/{job}/outputs/artifacts/paths/model"
        return self._site.put(f"models/{model}/versions/{version}", documents.model_version(job, uri=uri), at=at)

    def deploy(self, endpoint: str, models: Mapping[str, str], traffic: Mapping[str, int], *, failed: str | None = None) -> None:
        """An endpoint in production with a deployment of each model by name; the `failed` one did not come up."""
        tags = {"environment": "production"}
        self._site.put(f"onlineEndpoints/{endpoint}", documents.online_endpoint(traffic, tags=tags))
        for name, model in models.items():
            state = "Failed" if name == failed else "Succeeded"
            self._site.put(f"onlineEndpoints/{endpoint}/deployments/{name}", documents.online_deployment(model, state=state))

    def watch(self, endpoint: str, deployment: str, fitted: Fitted, *, shift: float) -> None:
        """A monitor that has just compared what a deployment was asked with its training data; the sample is moved by `shift`."""
        schedule = f"{endpoint}-watch"
        sample = serving_sample(fitted.table, fitted.data.target, rows=500, shift=shift, seed=11)
        distances = distance_by_feature(fitted.table, sample)
        worst = max(distances, key=lambda feature: distances[feature])
        target = f"{self._site.workspace.root}/onlineEndpoints/{endpoint}/deployments/{deployment}"
        self._site.put(f"schedules/{schedule}", documents.monitor(target, {DRIFT: "DataDrift"}))
        now = datetime.now(UTC)
        run = documents.monitor_run(schedule, now, breached=DRIFT, feature=worst, distance=distances[worst])
        self._site.put(f"jobs/{schedule}-{now:%Y%m%d}", run, at=now)
