"""A broker that lets in by TLS and a log-in only, as one that others share does."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import House
from tests.services.kafka import Cluster, start_cluster
from tests.services.load import district, finish, furnish

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

Make = Callable[..., House]
PASSWORD = "geheim=1;2"

LISTENER = """\
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_plain="{password}";
listener.name.secure.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/server.pem
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signed itself, and, in server.pem, its key before it."""
    folder = tmp_path_factory.mktemp("tls")
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
    subprocess.run([*made, "-keyout", "key.pem", "-out", "ca.pem"], cwd=folder, check=True, capture_output=True)
    (folder / "server.pem").write_text((folder / "key.pem").read_text() + (folder / "ca.pem").read_text())
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Cluster]:
    listener = LISTENER.format(folder=certificate.parent, password=PASSWORD, modules="org.apache.kafka.common.security")
    user = f"SCRAM-SHA-512=[name=scram,password={PASSWORD}]"
    cluster = start_cluster(tmp_path_factory.mktemp("guarded"), 1, listener, "--add-scram", user)
    yield cluster
    cluster.stop()


def log_in(cluster: Cluster, certificate: Path, user: str, mechanism: str) -> dict[str, str]:
    return {
        "HCP_KAFKA_BOOTSTRAP": f"127.0.0.1:{cluster.brokers[0].secure}",
        "HCP_KAFKA_TLS": "true",
        "HCP_KAFKA_CA_FILE": str(certificate),
        "HCP_KAFKA_USERNAME": user,
        "HCP_KAFKA_PASSWORD": PASSWORD,
        "HCP_KAFKA_SASL_MECHANISM": mechanism,
    }


def test_every_part_of_the_house_logs_in(new_house: Make, guarded: Cluster, certificate: Path) -> None:
    """What the test publishes and checks comes by the open door."""
    settings = log_in(guarded, certificate, "scram", "SCRAM-SHA-512")
    house, load = new_house(guarded, HCP_CLOCK="event", HCP_STANDBY_REPLICAS="1", **settings), district(1000)
    furnish(house, load)
    worker = house.start()
    house.publish_all(load.published)
    finish(house, worker, load)
    doctor = house.command("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert house.command("rejected", "list").returncode == 0
    assert worker.stop() == 0
    assert PASSWORD not in worker.said() + doctor.stdout
    assert house.command("rewind").returncode == 0


def test_who_is_not_let_in_is_told_what_to_check(new_house: Make, guarded: Cluster, certificate: Path) -> None:
    house = new_house(guarded, **log_in(guarded, certificate, "plain", "PLAIN"))
    assert house.command("topics").returncode == 0
    for wrong in ({"HCP_KAFKA_PASSWORD": "wrong"}, {"HCP_KAFKA_CA_FILE": ""}):
        refused = house.command("topics", **wrong)
        assert refused.returncode == 1
        said = refused.stderr.splitlines()[-1]
        assert "cannot use the Kafka broker" in said and "HCP_KAFKA_PASSWORD" in said and PASSWORD not in said
