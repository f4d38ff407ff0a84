"""The manifests for Kubernetes: sound by its own schemas, hardened, and told apart by what each role needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.deploy.commandline import accepted
from tests.deploy.conftest import CANARY, DEPLOY, OVERLAYS, Pod
from tests.deploy.kustomize import Manifest, documents, manifests, names_of_variables

IMAGE = "registry.example.com/milepost:"
CUSTOM = {"ServiceMonitor"}
"""What only an operator's own schema describes."""

KUBERNETES = DEPLOY / "kubernetes"
POSTGRESQL = {"cronjob", "always-on", "always-on-monitored"}


def kinds(rendered: Sequence[Manifest]) -> list[str]:
    return sorted(one["kind"] for one in rendered)


def named(rendered: Sequence[Manifest], kind: str) -> Mapping[str, Manifest]:
    return {one["metadata"]["name"]: one for one in rendered if one["kind"] == kind}


def held_by(pod: Pod) -> dict[str, Any]:
    """What the volumes of a pod are, by their names."""
    return {one["name"]: one for one in pod.spec["volumes"]}


def secrets_of(pod: Pod) -> set[str]:
    return {source["secretRef"]["name"] for one in pod.containers for source in one.get("envFrom", ())}


def test_every_file_belongs_to_an_overlay() -> None:
    used = {path for folder in KUBERNETES.rglob("kustomization.yaml") for path in _named_in(folder)}
    there = {path.resolve() for path in KUBERNETES.rglob("*") if path.is_file() and path.name != "kustomization.yaml"}
    assert there == used
    assert OVERLAYS == ["always-on", "always-on-monitored", "cronjob", "cronjob-sqlite", "single-sqlite"]


def _named_in(kustomization: Any) -> set[Any]:
    (one,) = documents(kustomization)
    lists = [
        one.get("resources", ()),
        *(made.get("files") or made["envs"] for key in one if key.endswith("Generator") for made in one[key]),
    ]
    paths = {(kustomization.parent / name).resolve() for names in lists for name in names}
    assert all(path.exists() for path in paths), f"{kustomization} names what is not there"
    return {path for path in paths if path.is_file()}


def test_each_manifest_is_sound_by_the_schemas_of_kubernetes(rendered: Sequence[Manifest]) -> None:
    checked = [one for one in rendered if one["kind"] not in CUSTOM]
    assert len(checked) >= 5
    for one in checked:
        kubernetes_validate.validate(json.loads(json.dumps(one)), kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_manifest_would_be_noticed(rendered: Sequence[Manifest]) -> None:
    for one in (one for one in rendered if "spec" in one and one["kind"] not in CUSTOM):
        wrong = {**one, "spec": {**one["spec"], "replica": 2}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(json.loads(json.dumps(wrong)), kubernetes_validate.latest_version(), strict=True)


def test_every_container_is_hardened(pods: Sequence[Pod]) -> None:
    assert pods
    for pod in pods:
        spec = pod.spec["securityContext"]
        assert spec["runAsNonRoot"] is True
        assert (spec["runAsUser"], spec["runAsGroup"]) == (10001, 10001)
        assert spec["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["serviceAccountName"] == "milepost"
        assert pod.spec["enableServiceLinks"] is False, "else a service of ours makes variables that begin with MILEPOST_"
        for one in pod.containers:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert one["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in one["resources"]["limits"]


def test_only_what_must_be_written_is_writable(pods: Sequence[Pod]) -> None:
    for pod in pods:
        volumes = held_by(pod)
        for one in pod.containers:
            for mount in one["volumeMounts"]:
                kind = (volumes[mount["name"]].keys() - {"name"}).pop()
                assert mount.get("readOnly", False) is (kind == "configMap"), mount
                assert kind in {"configMap", "emptyDir", "persistentVolumeClaim"}, kind
        assert all(volume["emptyDir"]["sizeLimit"] for volume in volumes.values() if "emptyDir" in volume)


def test_every_image_has_a_version(pods: Sequence[Pod]) -> None:
    images = {one["image"] for pod in pods for one in pod.containers}
    assert len(images) == 1, "one image serves every role"
    (image,) = images
    assert image.startswith(IMAGE)
    assert image.removeprefix(IMAGE) != "latest"


def test_every_command_is_one_that_the_program_takes(pods: Sequence[Pod]) -> None:
    known = {"sync": "milepost sync", "migrate": "milepost db upgrade", "receiver": "milepost serve", "worker": "milepost worker"}
    for pod in pods:
        assert not any("command" in one for one in pod.containers), "the image's entry point is the program"
        assert accepted(pod.main["args"]) == known[pod.labels["app.kubernetes.io/component"]]
        assert all(accepted(one["args"]) == "milepost db upgrade" for one in pod.containers if one is not pod.main)


def test_every_variable_is_one_that_milepost_knows(
    rendered: Sequence[Manifest], pods: Sequence[Pod], known_variables: frozenset[str]
) -> None:
    secrets = named(rendered, "Secret")
    for pod in pods:
        assert secrets_of(pod) <= secrets.keys()
        for one in pod.containers:
            names = [variable["name"] for variable in one.get("env", ())]
            given = [source["secretRef"]["name"] for source in one.get("envFrom", ())]
            names += [name for secret in given for name in secrets[secret]["stringData"]]
            assert set(names) <= known_variables
            assert "MILEPOST_STORE__URL" in names


def test_each_role_gets_only_the_secrets_that_it_needs(overlay: str, pods: Sequence[Pod]) -> None:
    store = {"milepost-store"} if overlay in POSTGRESQL else set()
    single = {"milepost-webhooks", "milepost-sources"}
    needed = {
        "migrate": store,
        "sync": store | {"milepost-sources"},
        "receiver": store | {"milepost-webhooks"} if overlay in POSTGRESQL else single,
        "worker": store | {"milepost-sources"},
    }
    for pod in pods:
        assert secrets_of(pod) == needed[pod.labels["app.kubernetes.io/component"]], pod.name


def test_secrets_come_from_the_environment_alone(rendered: Sequence[Manifest]) -> None:
    for path in KUBERNETES.rglob("*.env"):
        for name in names_of_variables(path):
            assert "=" not in name, f"{path} holds a value"
    for secret in named(rendered, "Secret").values():
        assert set(secret["stringData"].values()) == {CANARY}
    told = [one for one in rendered if one["kind"] not in {"Secret"}]
    assert CANARY not in json.dumps(told)


def test_without_postgresql_there_is_one_pod(overlay: str, rendered: Sequence[Manifest], pods: Sequence[Pod]) -> None:
    if overlay in POSTGRESQL:
        assert not named(rendered, "PersistentVolumeClaim")
        assert all("persistentVolumeClaim" not in volume for pod in pods for volume in held_by(pod).values())
        return
    (claim,) = named(rendered, "PersistentVolumeClaim").values()
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"], "the cluster itself lets no second pod use it"
    (pod,) = pods
    assert pod.replicas == 1
    assert held_by(pod)["store"]["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert len(pod.containers) == 2, "it brings the store up to date itself"
    stores = {one["value"] for container in pod.containers for one in container["env"] if one["name"] == "MILEPOST_STORE__URL"}
    mounts = {one["mountPath"] for container in pod.containers for one in container["volumeMounts"] if one["name"] == "store"}
    assert stores == {f"sqlite:///{mount}/milepost.db" for mount in mounts}
    assert pod.spec["securityContext"]["fsGroup"] == 10001
    for deployment in named(rendered, "Deployment").values():
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert "HorizontalPodAutoscaler" not in kinds(rendered)


def test_a_schedule_never_runs_twice_at_a_time_nor_for_ever(rendered: Sequence[Manifest]) -> None:
    for job in named(rendered, "CronJob").values():
        assert job["spec"]["concurrencyPolicy"] == "Forbid"
        assert job["spec"]["startingDeadlineSeconds"] > 10, "Kubernetes looks every ten seconds"
        assert job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
    for pod_job in [*named(rendered, "Job").values(), *(one["spec"]["jobTemplate"] for one in named(rendered, "CronJob").values())]:
        assert pod_job["spec"]["activeDeadlineSeconds"] > 0
        assert pod_job["spec"]["ttlSecondsAfterFinished"] > 0
        assert pod_job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_what_always_runs_is_asked_for_its_health_and_ends_in_peace(pods: Sequence[Pod]) -> None:
    for pod in pods:
        container = pod.main
        assert pod.spec["terminationGracePeriodSeconds"] >= 15
        if pod.labels["app.kubernetes.io/component"] not in ("receiver", "worker"):
            assert "ports" not in container
            continue
        (port,) = container["ports"]
        assert container["args"][container["args"].index("--port") + 1] == str(port["containerPort"])
        paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert paths == {
            "startupProbe": {"path": "/healthz", "port": port["name"]},
            "livenessProbe": {"path": "/healthz", "port": port["name"]},
            "readinessProbe": {"path": "/readyz", "port": port["name"]},
        }
        if pod.labels["app.kubernetes.io/component"] == "receiver":
            (_, seconds) = container["lifecycle"]["preStop"]["exec"]["command"]
            assert int(seconds) + 10 <= pod.spec["terminationGracePeriodSeconds"]


def test_a_worker_bears_its_pods_name(pods: Sequence[Pod]) -> None:
    for pod in (one for one in pods if one.labels["app.kubernetes.io/component"] == "worker"):
        assert pod.kind == "StatefulSet", "so that it has the same name when it comes back"
        (executor,) = (one for one in pod.main["env"] if one["name"] == "MILEPOST_EXECUTOR")
        assert executor["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_selectors_find_the_pods_that_they_mean(rendered: Sequence[Manifest], pods: Sequence[Pod]) -> None:
    everything = [pod.labels for pod in pods]
    selectors = [
        *(one["spec"]["selector"] for one in named(rendered, "Service").values()),
        *(one["spec"]["selector"]["matchLabels"] for one in named(rendered, "PodDisruptionBudget").values()),
        *(one["spec"]["podSelector"]["matchLabels"] for one in named(rendered, "NetworkPolicy").values()),
        *(
            one["spec"]["selector"]["matchLabels"]
            for kind in ("Deployment", "StatefulSet")
            for one in named(rendered, kind).values()
        ),
    ]
    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in everything) == 1, selector
    for stateful in named(rendered, "StatefulSet").values():
        assert named(rendered, "Service")[stateful["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"


def test_what_always_runs_survives_a_drained_node(rendered: Sequence[Manifest], pods: Sequence[Pod]) -> None:
    budgets = [one["spec"] for one in named(rendered, "PodDisruptionBudget").values()]
    several = [pod for pod in pods if pod.replicas > 1]
    assert len(budgets) == len(several)
    for pod in several:
        (budget,) = (one for one in budgets if one["selector"]["matchLabels"].items() <= pod.labels.items())
        assert budget.get("minAvailable", pod.replicas - budget.get("maxUnavailable", 0)) < pod.replicas
        (spread,) = pod.spec["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"].items() <= pod.labels.items()


def test_only_webhooks_are_open_to_the_outside(rendered: Sequence[Manifest]) -> None:
    for ingress in named(rendered, "Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert (path["path"], path["pathType"]) == ("/webhooks/", "Prefix")
        assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
        backend = path["backend"]["service"]
        ports = named(rendered, "Service")[backend["name"]]["spec"]["ports"]
        assert backend["port"]["name"] in {port["name"] for port in ports}
    for service in named(rendered, "Service").values():
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_what_always_runs_has_a_network_policy(rendered: Sequence[Manifest], pods: Sequence[Pod]) -> None:
    policies = {name: one["spec"] for name, one in named(rendered, "NetworkPolicy").items()}
    assert len(policies) == sum(pod.kind in {"Deployment", "StatefulSet"} for pod in pods)
    for policy in policies.values():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert all(rule["from"] and rule["ports"] for rule in policy["ingress"])
        assert all(rule["ports"] for rule in policy["egress"])
    if "milepost-receiver" in policies:
        asked = {port["port"] for rule in policies["milepost-receiver"]["egress"] for port in rule["ports"]}
        assert asked == {53, 5432}, "a receiver asks no source"


def test_the_metrics_of_each_are_asked_for_with_a_token() -> None:
    found = manifests(KUBERNETES / "overlays" / "always-on-monitored", {})
    (monitor,) = named(found, "ServiceMonitor").values()
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["spec"].keys() == {"selector", "endpoints"}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout", "authorization"}
    assert endpoint["path"] == "/metrics"
    assert endpoint["authorization"] == {"type": "Bearer", "credentials": {"name": "milepost-metrics", "key": "token"}}
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    asked = {name: one for name, one in named(found, "Service").items() if wanted <= one["metadata"]["labels"].items()}
    assert asked.keys() == {"milepost-receiver", "milepost-worker"}
    for service in asked.values():
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_one_job_brings_a_store_on_postgresql_up_to_date(overlay: str, rendered: Sequence[Manifest]) -> None:
    assert ("milepost-migrate" in named(rendered, "Job")) is (overlay in POSTGRESQL)
