"""A broker that lets in by TLS and a log-in only, as one that others share does."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import House, until
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


#: Whoever comes by the open door may do all, as the broker itself does; by the other one only what is granted.
AUTHORIZER = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Cluster]:
    """A broker on which a log-in may do what was granted to it, and nothing else."""
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in ("publisher", "worker", "refusals", "nobody"))
    listener = LISTENER.format(folder=certificate.parent, password=PASSWORD, modules="org.apache.kafka.common.security")
    listener = listener.replace(f'user_plain="{PASSWORD}"', users) + AUTHORIZER
    cluster = start_cluster(tmp_path_factory.mktemp("granted"), 1, listener)
    yield cluster
    cluster.stop()


def grant(cluster: Cluster, prefix: str) -> None:
    """What docs/operations.md grants, under this prefix."""
    lines = re.findall(r"^ *\$ acl (--allow.*)$", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        named = re.sub(r"--(topic|group) ", rf"--\1 {prefix}", line)
        command = [
            "org.apache.kafka.tools.AclCommand",
            "--bootstrap-server",
            cluster.bootstrap,
            "--add",
            *shlex.split(named),
        ]
        done = subprocess.run(cluster.brokers[0].run(*command), capture_output=True, text=True)
        assert done.returncode == 0 and "Error" not in done.stdout, done.stdout + done.stderr


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


def test_each_may_do_what_is_its_part_and_is_told_what_it_may_not(
    new_house: Make, granted: Cluster, certificate: Path, tmp_path: Path
) -> None:
    """By the very lines of docs/operations.md."""
    login = {
        name: log_in(granted, certificate, name, "PLAIN") for name in ("publisher", "worker", "refusals", "nobody")
    }
    house = new_house(granted, HCP_CLOCK="event")
    reviews, events, load = tmp_path / "reviews.jsonl", tmp_path / "events.jsonl", district(1000)
    reviews.write_text(
        '{"review_id": "r1", "occurred_at": "2026-05-12T09:30:00+08:00", "rating": 9, "channel": "qr"}\n'
    )
    events.write_text('{"event_id": "e1", "case_id": "r1", "type": "called_back", "at": "2026-05-12T09:30:00+08:00"}\n')
    publish_reviews = ("publish", str(reviews), "--topic", "reviews", "--no-check")

    def refused(user: str, *command: str) -> str:
        done = house.command(*command, **login[user])
        assert done.returncode == 1, done.stdout
        (line,) = done.stderr.splitlines()
        assert f"the log-in {user} may not " in line and "docs/operations.md" in line, line
        return line

    assert f"write to the topic {house.prefix}reviews:" in refused("publisher", *publish_reviews)
    grant(granted, house.prefix)

    created = house.command("topics", **login["worker"])
    assert created.returncode == 0, created.stderr
    furnish(house, load)
    worker = house.start(**login["worker"])
    house.publish_all(load.published)
    finish(house, worker, load)
    for command in (publish_reviews, ("publish", str(events), "--topic", "cases.events")):
        done = house.command(*command, **login["publisher"])
        assert done.returncode == 0, done.stderr
    until("the review is refused", lambda: "  r1  " in house.command("rejected", "list", **login["refusals"]).stdout)
    exported = house.command("rejected", "export", "--topic", "reviews", **login["refusals"])
    assert exported.stdout.splitlines()[-1] == reviews.read_text().strip()
    replay = ("rejected", "replay", "--yes", "--reason", "schema")
    again = house.command(*replay, **login["refusals"])
    assert again.returncode == 0, again.stderr
    doctor = house.command("doctor", **login["worker"])
    assert doctor.returncode == 0, doctor.stdout
    assert worker.stop() == 0
    assert house.command("rewind", **login["worker"]).returncode == 0

    assert f"read the topic {house.prefix}reviews.rejected:" in refused("publisher", "rejected", "list")
    assert f"write to the topic {house.prefix}reviews:" in refused("nobody", *publish_reviews)
    # Who may see a topic and not use it is told so as well.
    for user, operation, topic in (("nobody", "Describe", "reviews"), ("publisher", "Write", "reviews.rejected")):
        command = ["org.apache.kafka.tools.AclCommand", "--bootstrap-server", granted.bootstrap, "--add"]
        what = ["--allow-principal", f"User:{user}", "--operation", operation, "--topic", house.prefix + topic]
        subprocess.run(granted.brokers[0].run(*command, *what), check=True, capture_output=True)
    until("a right is known", lambda: "write to the topic" in refused("nobody", *publish_reviews))
    assert f"read the topic {house.prefix}reviews.rejected:" in refused("publisher", "rejected", "list")


def test_who_is_not_let_in_is_told_what_to_check(new_house: Make, guarded: Cluster, certificate: Path) -> None:
    house = new_house(guarded, **log_in(guarded, certificate, "plain", "PLAIN"))
    assert house.command("topics").returncode == 0
    for wrong in ({"HCP_KAFKA_PASSWORD": "wrong"}, {"HCP_KAFKA_CA_FILE": ""}):
        refused = house.command("topics", **wrong)
        assert refused.returncode == 1
        said = refused.stderr.splitlines()[-1]
        assert "cannot use the Kafka broker" in said and "HCP_KAFKA_PASSWORD" in said and PASSWORD not in said
