"""Kubernetes manifests: valid to the letter, least privilege, and they agree with each other."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from streams.settings import PREFIX, Settings
from tests.deploy.tools import DEPLOY, documents, run, tool

pytestmark = pytest.mark.services

FOLDER = DEPLOY / "k8s"
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def one(name: str) -> Any:
    (document,) = documents(FOLDER / name)
    return document


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_is_valid_to_the_letter(path: Path) -> None:
    done = run(tool("kubernetes-validate"), "--strict", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kustomization_names_every_manifest_but_the_example_of_the_secret() -> None:
    named = set(one("kustomization.yaml")["resources"])
    assert named == {path.name for path in MANIFESTS} - {"secret.example.yaml"}


@pytest.mark.parametrize("name", ["worker.yaml", "prepare.yaml"])
def test_pods_pass_the_restricted_standard(name: str) -> None:
    expect_restricted(one(name)["spec"]["template"]["spec"])


def test_a_command_run_beside_the_workers_is_a_pod_as_restricted_with_their_settings(tmp_path: Path) -> None:
    """What `kubectl run` makes, with run.json over it. It would ask a cluster; `patch --local` does not."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "haochaping-run", "labels": {"app.kubernetes.io/name": "haochaping"}},
        "spec": {
            "containers": [
                {"name": "haochaping-run", "image": "haochaping:0.1.0", "args": ["rewind"], "stdin": True, "tty": True}
            ],
            "restartPolicy": "Never",
        },
    }
    (tmp_path / "made.json").write_text(json.dumps(made))
    over = (FOLDER / "run.json").read_text()
    done = run(
        "kubectl", "patch", "--local", "-f", tmp_path / "made.json", "--type=strategic", "-p", over, "-o", "json"
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "pod.json").write_text(done.stdout)
    judged = run(tool("kubernetes-validate"), "--strict", tmp_path / "pod.json")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    spec = json.loads(done.stdout)["spec"]
    expect_restricted(spec)
    (container,) = spec["containers"]
    assert container["args"] == ["rewind"]
    (worker,) = one("worker.yaml")["spec"]["template"]["spec"]["containers"]
    assert container["envFrom"] == worker["envFrom"]


def expect_restricted(spec: Any) -> None:
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_probes_ask_what_they_should() -> None:
    (container,) = one("worker.yaml")["spec"]["template"]["spec"]["containers"]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    (port,) = container["ports"]
    assert str(port["containerPort"]) == one("configmap.yaml")["data"]["HCP_HTTP_PORT"]
    annotations = one("worker.yaml")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])


def test_selectors_find_the_workers() -> None:
    worker = one("worker.yaml")["spec"]
    labels = worker["template"]["metadata"]["labels"].items()
    for selector in (
        worker["selector"]["matchLabels"],
        one("service.yaml")["spec"]["selector"],
        one("pdb.yaml")["spec"]["selector"]["matchLabels"],
        one("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    prepare = one("prepare.yaml")["spec"]["template"]["metadata"]["labels"].items()
    assert one("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"].items() <= prepare
    assert not one("service.yaml")["spec"]["selector"].items() <= prepare


def test_settings_are_usable_and_secrets_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    public, secret = one("configmap.yaml")["data"], one("secret.example.yaml")["stringData"]
    assert not public.keys() & secret.keys()
    assert set(secret) == {"HCP_CLICKHOUSE_URL", "HCP_PSEUDONYM_KEY"}
    assert all("CHANGE-ME" in value for value in secret.values())
    for name, value in {**public, **secret}.items():
        assert name.startswith(PREFIX)
        monkeypatch.setenv(name, value)
    assert Settings.load().http_port == 6066


def test_never_more_workers_than_partitions() -> None:
    partitions = int(one("configmap.yaml")["data"]["HCP_PARTITIONS"])
    scaled = one("keda/scaledobject.yaml")["spec"]
    assert one("worker.yaml")["spec"]["replicas"] <= scaled["maxReplicaCount"] == partitions
    assert scaled["scaleTargetRef"]["name"] == one("worker.yaml")["metadata"]["name"]


def test_kustomize_builds_with_and_without_keda(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(FOLDER, tmp_path / "base")
    done = run("kubectl", "kustomize", tmp_path / "base")
    assert done.returncode == 0, done.stderr
    assert "image: haochaping:0.1.0" in done.stdout
    path = tmp_path / "base" / "kustomization.yaml"
    path.write_text(path.read_text().replace("# components:\n#   - keda", "components:\n  - keda"))
    done = run("kubectl", "kustomize", tmp_path / "base")
    assert done.returncode == 0, done.stderr
    assert "kind: ScaledObject" in done.stdout
    assert "\n  replicas: 2" not in done.stdout
