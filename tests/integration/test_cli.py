"""Every command: its help, its success, its clear failure."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sinks import open_sink
from tests.house import House, free_port, until
from tests.integration.test_pipeline import furnish, review

Make = Callable[..., House]

COMMANDS = [
    ["demo"],
    ["broker"],
    ["topics"],
    ["migrate"],
    ["worker"],
    ["publish"],
    ["generate"],
    ["doctor"],
    ["report"],
    ["rewind"],
    ["rejected", "list"],
    ["rejected", "export"],
    ["rejected", "replay"],
]


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """A house without a broker."""
    return House(f"127.0.0.1:{free_port()}", "", tmp_path)


def failure(house: House, *arguments: str, **settings: str) -> str:
    """The one line a failing command says; only a worker has a log before it."""
    done = house.command(*arguments, **settings)
    assert done.returncode not in (0, None)
    lines = done.stderr.strip().splitlines()
    assert lines and lines[-1].startswith("haochaping: "), done.stderr
    assert len(lines) == 1 or (arguments[0] == "worker" and "Traceback" not in done.stderr), done.stderr
    return lines[-1]


def make_topics(house: House, counts: dict[str, int]) -> None:
    """These topics, of so many partitions, and no others."""

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(house.prefix + name, count, 1) for name, count in counts.items()])
        await admin.close()

    asyncio.run(make())


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_shows_an_example(alone: House, command: list[str]) -> None:
    done = alone.command(*command, "--help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


@pytest.mark.parametrize("command", [["topics"], ["worker"], ["rewind"], ["rejected", "list"]], ids=" ".join)
def test_without_a_broker_the_command_says_so(alone: House, command: list[str]) -> None:
    said = failure(alone, *command, HCP_HTTP_PORT="0")
    assert alone.bootstrap in said and "haochaping broker" in said


def test_without_a_broker_doctor_says_so_beside_its_other_checks(alone: House) -> None:
    done = alone.command("doctor")
    assert done.returncode == 1
    assert f"FAIL  broker: cannot use the Kafka broker at {alone.bootstrap}" in done.stdout
    assert done.stderr.splitlines() == ["haochaping: 2 of the checks failed: what to do stands beside each"]


def test_without_clickhouse_the_command_says_so(alone: House) -> None:
    away = "clickhouse://user:geheim@127.0.0.1:1/x"
    said = failure(alone, "migrate", HCP_CLICKHOUSE_URL=away)
    assert "127.0.0.1:1 does not answer" in said and "geheim" not in said
    done = alone.command("doctor", HCP_CLICKHOUSE_URL=away)
    assert "FAIL  ClickHouse: ClickHouse at 127.0.0.1:1 does not answer" in done.stdout
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://user:geheim@127.0.0.1:1/x?secure=maybe",
        "clickhouse://user:geheim@127.0.0.1:1/x?secure=1&verify=0",
        "clickhouse://user:geheim/und/mehr@127.0.0.1:1/x",
        "clickhouse://user:geheim[x]@127.0.0.1:1/x",
        "clickhouse://user:geheim#x@127.0.0.1:1/x",
        "clickhouse://127.0.0.1:port/x",
    ],
)
def test_a_clickhouse_url_that_cannot_be_meant_so_is_refused_without_its_password(alone: House, url: str) -> None:
    """What is not understood might send the password in clear text, or to another host."""
    said = failure(alone, "migrate", HCP_CLICKHOUSE_URL=url)
    assert "HCP_CLICKHOUSE_URL" in said and "geheim" not in said and "mehr" not in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HCP_KAFKA_USERNAME": "somebody"}, "HCP_KAFKA_PASSWORD"),
        ({"HCP_KAFKA_PASSWORD": "geheim"}, "HCP_KAFKA_USERNAME"),
        ({"HCP_KAFKA_CA_FILE": "/somewhere/ca.pem"}, "HCP_KAFKA_TLS"),
        ({"HCP_KAFKA_CA_FILE": "/nowhere/ca.pem", "HCP_KAFKA_TLS": "true"}, "/nowhere/ca.pem cannot be used"),
        ({"HCP_KAFKA_SASL_MECHANISM": "GSSAPI"}, "HCP_KAFKA_SASL_MECHANISM"),
    ],
)
@pytest.mark.parametrize("command", ["topics", "worker"])
def test_settings_of_the_log_in_that_do_not_go_together(
    alone: House, command: str, settings: dict[str, str], said: str
) -> None:
    line = failure(alone, command, HCP_HTTP_PORT="0", **settings)
    assert said in line and "geheim" not in line


def test_tls_is_asked_for_in_any_of_the_usual_words(alone: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for word in ("1", "true", "True", "yes"):
            url = f"clickhouse://user:geheim@127.0.0.1:{port}/x?secure={word}"
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", "migrate"],
                env=alone.environment(HCP_CLICKHOUSE_URL=url),
                stderr=subprocess.DEVNULL,
            )
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1) == b"\x16"  # a TLS handshake
            process.wait(30)


def test_a_folder_that_another_process_has_open_is_one_clear_line(alone: House) -> None:
    sink = open_sink(f"chdb://{alone.folder}/clickhouse")
    try:
        said = failure(alone, "migrate")
    finally:
        sink.close()
    assert "is open in another process" in said and "HCP_DATA_DIR" in said


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(alone: House) -> None:
    for command in ("worker", "migrate"):
        said = failure(alone, command, HCP_DATA_DIR="/proc/nope", HCP_HTTP_PORT="0")
        assert "/proc/nope" in said and "HCP_DATA_DIR" in said


@pytest.mark.parametrize("command", ["demo", "broker"])
def test_a_port_is_one_that_can_be(alone: House, command: str) -> None:
    assert "--port" in failure(alone, command, "--port", "99999")
    assert "--port" in failure(alone, command, "--port", "-1")


@pytest.mark.parametrize("command", [[], ["rejected"]], ids=" ".join)
def test_without_a_command_the_help_is_shown(alone: House, command: list[str]) -> None:
    done = alone.command(*command)
    assert done.returncode == 2
    assert done.stderr.endswith("wants a command: one of those above\n")
    assert done.stdout == alone.command(*command, "--help").stdout


@pytest.mark.parametrize("command", [["topics"], ["migrate"], ["worker"], ["doctor"]], ids=" ".join)
def test_a_bad_setting_stops_every_command(alone: House, command: list[str]) -> None:
    assert "HCP_PARTITIONS" in failure(alone, *command, HCP_PARTITIONS="many")
    assert "HCP_PARTITION is not a setting" in failure(alone, *command, HCP_PARTITION="4")


def test_a_bad_line_of_the_env_file_stops_every_command(alone: House) -> None:
    file = alone.folder / "district.env"
    file.write_text("HCP_PARTITIONS 8\n")
    assert "line 1" in failure(alone, "--env-file", str(file), "topics")


def test_an_unknown_command_or_option_is_one_clear_line(alone: House) -> None:
    assert "frobnicate" in failure(alone, "frobnicate")
    assert "--colour" in failure(alone, "topics", "--colour")


def test_topics_are_created_once_and_then_used_as_they_are(new_house: Make) -> None:
    house = new_house(HCP_PARTITIONS="3")
    first = house.command("topics")
    assert first.returncode == 0, first.stderr
    assert f"created  {house.prefix}reviews  (3 partitions)" in first.stdout
    again = house.command("topics", HCP_PARTITIONS="9")
    assert f"exists   {house.prefix}reviews  (3 partitions)" in again.stdout


def test_migrate_twice_changes_nothing_the_second_time(alone: House) -> None:
    first, again = alone.command("migrate"), alone.command("migrate")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout != again.stdout


def test_publish_names_the_line_and_the_reason(new_house: Make, tmp_path: Path) -> None:
    house = new_house()
    house.command("topics")
    file = tmp_path / "reviews.jsonl"
    good = orjson.dumps(review("r1", "2026-05-12T10:00:00+08:00"))
    file.write_bytes(good + b"\n" + orjson.dumps(review("r2", "2026-05-12T10:00:00+08:00", 9)) + b"\n")
    said = failure(house, "publish", str(file), "--topic", "reviews")
    assert "line 2" in said and "rating" in said
    assert not house.read("reviews")
    assert "does not exist" in failure(house, "publish", str(tmp_path / "none"), "--topic", "reviews")
    assert "reviews" in failure(house, "publish", str(file), "--topic", "nonsense")
    endless = tmp_path / "endless.jsonl"
    endless.write_bytes(good + b"\n" + bytes(5_000_000))
    assert "line 2: more than 4194304 bytes" in failure(
        house, "publish", str(endless), "--topic", "reviews", "--dry-run"
    )

    file.write_bytes(good + b"\n")
    done = house.command("publish", str(file), "--topic", "reviews")
    assert done.returncode == 0 and "1 records" in done.stdout
    (record,) = house.read("reviews")
    assert (record.key, record.value) == (b"r1", good)


def test_a_dry_run_says_of_every_line_what_its_refusal_would_say_and_sends_nothing(
    new_house: Make, tmp_path: Path
) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    lines = {
        "reviews": [
            orjson.dumps(review("r1", "2026-05-12T10:00:00+08:00")),
            orjson.dumps(review("r2", "2026-05-12T10:00:00+08:00", 9)),
            b'{"review_id": "r3", ',
            orjson.dumps(review("r4", "2099-05-12T10:00:00+08:00")),
            orjson.dumps(review("r5", "2026-05-12T10:00:00+08:00") | {"comment": "x" * 70_000}),
        ],
        "cases.events": [b"rubbish", b'{"event_id": "e1", "case_id": "r1", "type": "called_back"}'],
        "reference.staff": [b'{"staff_id": "S1"}', b'{"staff_id": "S1", "name": "'],
    }
    said = []
    for topic, records in lines.items():
        file = tmp_path / f"{topic}.jsonl"
        file.write_bytes(b"\n\n" + b"\r\n".join(records))
        done = house.command("publish", str(file), "--topic", topic, "--dry-run", HCP_KAFKA_BOOTSTRAP="127.0.0.1:1")
        assert done.returncode == 1
        assert done.stderr.startswith(f"haochaping: {len(done.stdout.splitlines())} of {len(records)} records of ")
        said += done.stdout.splitlines()
    assert [line.split(": ")[:2] for line in said[:4]] == [
        ["line 4", "schema"],
        ["line 5", "not_json"],
        ["line 6", "future"],
        ["line 7", "too_large"],
    ]
    assert not house.read("reviews") and not house.rejected()

    for topic, records in lines.items():
        house.publish(topic, records)
    worker = house.start()
    house.settle(worker)
    told = sorted(_now(f"{each['hcp-reason']}: {each['hcp-detail']}") for each, _, _ in house.rejected())
    assert sorted(_now(line.partition(": ")[2]) for line in said) == told


def test_a_dry_run_of_a_good_file_is_content_and_a_review_from_the_future_is_sent(
    new_house: Make, tmp_path: Path
) -> None:
    house = new_house()
    house.command("topics")
    file = tmp_path / "reviews.jsonl"
    file.write_bytes(orjson.dumps(review("r1", "2026-05-12T10:00:00+08:00")))
    done = house.command("publish", str(file), "--topic", "reviews", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "none of 1 records would be refused; nothing was sent\n")
    file.write_bytes(orjson.dumps(review("r1", "2099-05-12T10:00:00+08:00")))
    assert house.command("publish", str(file), "--topic", "reviews").returncode == 0
    assert len(house.read("reviews")) == 1


def test_a_topic_that_publish_does_not_write_to_need_not_be_there(new_house: Make, tmp_path: Path) -> None:
    house = new_house()
    make_topics(house, {"reviews": 2})
    file = tmp_path / "reviews.jsonl"
    file.write_bytes(orjson.dumps(review("r1", "2026-05-12T10:00:00+08:00")))
    done = house.command("publish", str(file), "--topic", "reviews")
    assert done.returncode == 0, done.stderr
    said = failure(house, "publish", str(file), "--topic", "cases.events", "--no-check")
    assert f"the topic {house.prefix}cases.events does not exist: run `haochaping topics`" in said
    assert f"{house.prefix}reviews.rejected does not exist" in failure(house, "rejected", "list")


def test_generate_writes_what_publish_takes(new_house: Make, tmp_path: Path) -> None:
    house = new_house()
    house.command("topics")
    done = house.command("generate", "--out", str(tmp_path / "d"), "--reviews", "2000")
    assert done.returncode == 0, done.stderr
    for topic in ("reference.windows", "reference.staff", "reference.services", "cases.events"):
        file = tmp_path / "d" / f"{topic}.jsonl"
        sent = house.command("publish", str(file), "--topic", topic, "--no-check")
        assert sent.returncode == 0, sent.stderr
        assert len(house.read(topic)) == sum(1 for line in file.open("rb"))


def test_generate_refuses_more_bad_reviews_than_reviews(alone: House, tmp_path: Path) -> None:
    out = tmp_path / "d"
    said = failure(alone, "generate", "--out", str(out), "--reviews", "10", "--bad", "20")
    assert "20 bad reviews among 10" in said
    assert not out.exists()
    done = alone.command("generate", "--out", str(out), "--reviews", "10")
    assert done.returncode == 0, done.stderr


def test_refused_records_can_be_listed_and_sent_again(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("reviews", [b"rubbish", orjson.dumps(review("r2", "2026-05-12T10:00:00+08:00", 9))])
    house.settle(worker)
    listed = house.command("rejected", "list")
    assert "not_json" in listed.stdout and "2 refused records" in listed.stdout
    assert "1 refused records" in house.command("rejected", "list", "--reason", "schema").stdout
    done = house.command("rejected", "replay", "--reason", "schema", "--yes")
    assert done.returncode == 0, done.stderr
    assert house.read("reviews")[-1].value == house.read("reviews")[-2].value or len(house.read("reviews")) == 3
    house.settle(worker)
    assert len(house.rejected()) == 3
    assert "no refused record" in failure(house, "rejected", "replay", "--reason", "future", "--yes")


def test_a_refused_record_is_listed_by_its_id_unless_that_is_personal_data(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    wrong = {"rating": 9}
    named = {"r2": "r2", "13812345678": "-", "a b": "-", "x" * 65: "-"}
    house.publish("reviews", [b"rubbish", b"[1]", *(orjson.dumps({"review_id": each} | wrong) for each in named)])
    house.publish("cases.events", [b'{"event_id": "e1", "case_id": "r9"}'])
    house.publish("reference.windows", [b'{"window_id": "W9"}'])
    house.settle(worker)
    until("the reference is looked at, too", lambda: len(house.rejected()) == 8)
    lines = house.command("rejected", "list").stdout.splitlines()
    shown = [line.split("  ")[3] for line in lines[:-1]]
    assert sorted(shown) == sorted(["-", "-", *named.values(), "e1", "W9"])
    assert "13812345678" not in "".join(lines)
    said = failure(house, "rejected", "list", "--reason", "scehma")
    assert "'scehma'" in said and "'schema'" in said and "'unknown_case'" in said


def test_refused_records_can_be_taken_out_mended_and_published_again(new_house: Make, tmp_path: Path) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    wrong = orjson.dumps(review("r2", "2026-05-12T10:00:00+08:00", 9), option=orjson.OPT_INDENT_2)
    chinese = "{“评价”\n: 1}".encode("gbk")
    same = [orjson.dumps(review("r5", "2026-05-12T10:00:00+08:00", rating)) for rating in (4, 5)]
    house.publish("reviews", [wrong, chinese, b"", *same])
    house.publish("cases.events", [b'{"event_id": "e1", "case_id": "r9"}'])
    house.settle(worker)
    assert len(house.rejected()) == 5

    both = failure(house, "rejected", "export", str(tmp_path / "both"))
    assert "cases.events and reviews" in both and "--topic" in both and not (tmp_path / "both").exists()
    assert "no refused record" in failure(house, "rejected", "export", "--reason", "conflict")
    assert "nonsense" in failure(house, "rejected", "export", "--topic", "nonsense")
    piped = house.command("rejected", "export", "--topic", "cases.events")
    assert piped.stdout == '{"event_id": "e1", "case_id": "r9"}\n'

    file = tmp_path / "mend.jsonl"
    done = house.command("rejected", "export", "--topic", "reviews", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"2 records of reviews written to {file}" in done.stdout
    lines = file.read_bytes().splitlines()
    place = lines.index(chinese.replace(b"\n", b" "))
    assert f"not JSON: line {place + 1}" in done.stdout
    assert orjson.loads(lines[1 - place]) == orjson.loads(wrong)
    assert "exists" in failure(house, "rejected", "export", "--topic", "reviews", str(file))

    file.write_bytes(lines[1 - place].replace(b"9,", b"5,"))
    assert house.command("publish", str(file), "--topic", "reviews").returncode == 0
    house.settle(worker)
    assert len(house.rejected()) == 5


def test_a_short_pseudonym_key_is_warned_of_by_worker_and_doctor(new_house: Make) -> None:
    house = new_house(HCP_PSEUDONYM_KEY="1")
    furnish(house)
    assert "HCP_PSEUDONYM_KEY is shorter than 16 characters" in house.start().said()
    done = house.command("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("warn  settings: HCP_PSEUDONYM_KEY is shorter than 16 characters")


def test_our_folders_are_for_us_alone_and_those_that_are_there_stay_as_they_are(new_house: Make) -> None:
    house = new_house(HCP_DATA_DIR="")
    furnish(house)
    house.folder.chmod(0o755)
    house.settings["HCP_DATA_DIR"] = str(house.folder / "of" / "ours")
    house.start()
    migrated = house.command("migrate", HCP_DATA_DIR=str(house.folder / "another"))
    assert migrated.returncode == 0, migrated.stderr
    made = [house.folder / each for each in ("of", "of/ours", "of/ours/clickhouse", "another", "another/clickhouse")]
    assert [each.stat().st_mode & 0o777 for each in made] == [0o700] * len(made)
    assert house.folder.stat().st_mode & 0o777 == 0o755


def test_doctor_is_content_with_a_house_in_order(new_house: Make) -> None:
    house = new_house()
    furnish(house)
    assert house.command("migrate").returncode == 0
    done = house.command("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is well" in done.stdout


def test_doctor_tells_the_true_lag_and_leaves_a_running_workers_database_alone(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("reviews", [review(f"r{number}", "2026-05-12T10:00:00+08:00") for number in range(100)])
    house.settle(worker)
    running = house.command("doctor")
    assert (running.returncode, running.stderr) == (0, "")
    assert "FAIL" not in running.stdout
    assert "a running worker has the embedded one open" in running.stdout and "bi_reconcile" in running.stdout
    assert f"lag of {house.prefix}reviews: 0 records" in running.stdout

    assert worker.stop() == 0
    house.publish("reviews", [review(f"s{number}", "2026-05-12T10:00:00+08:00") for number in range(50)])
    stopped = house.command("doctor")
    assert f"lag of {house.prefix}reviews: 50 records" in stopped.stdout
    assert "ok    reconciliation" in stopped.stdout


def test_doctor_fails_on_a_folder_that_cannot_be_opened_and_a_database_without_tables(new_house: Make) -> None:
    house = new_house()
    furnish(house)
    unusable = house.command("doctor", HCP_DATA_DIR="/proc/nope")
    assert unusable.returncode == 1
    assert "FAIL  ClickHouse: the folder /proc/nope/clickhouse cannot be used" in unusable.stdout
    unmade = house.command("doctor", HCP_DATA_DIR=str(house.folder / "new"))
    assert unmade.returncode == 1
    assert "FAIL  schema: the ClickHouse schema is at version 0, 1 is needed: run `haochaping migrate`" in unmade.stdout


def test_a_worker_refuses_topics_that_cannot_work_together(new_house: Make) -> None:
    house = new_house()

    make_topics(house, {"reviews.enriched": 5, "haochaping-aggregate-changelog": 3})
    said = failure(house, "worker", HCP_HTTP_PORT="0")
    assert "5 partitions" in said and "has 3" in said and "HCP_TOPIC_PREFIX" in said
    assert "HCP_CLICKHOUSE_URL" in said  # rows of the new topics would lose against those of the old ones


def test_a_database_that_is_new_where_workers_have_worked_is_told_of(new_house: Make) -> None:
    """It is a wrong folder, or one that was lost: the worker would go on, and most figures be missing in silence."""
    house = new_house()
    worker = house.start()
    house.publish("reviews", [review("r1", "2026-05-12T09:00:00+08:00")])
    house.settle(worker)
    assert "rewind" not in worker.said()
    assert worker.stop() == 0
    again = house.start()
    assert "rewind" not in again.said()
    assert again.stop() == 0

    other = {"HCP_DATA_DIR": str(house.folder / "other")}
    worker = house.start(**other)
    assert "ClickHouse holds no review" in worker.said() and "haochaping rewind" in worker.said()
    assert worker.stop() == 0
    told = house.command("doctor", **other)
    assert "-     ClickHouse holds no review" in told.stdout


def test_two_workers_cannot_share_a_port_or_a_database_folder(new_house: Make) -> None:
    house = new_house()
    furnish(house)
    worker = house.start()
    port = worker.url.rsplit(":", 1)[1]
    assert "HCP_HTTP_PORT" in failure(house, "worker", HCP_HTTP_PORT=port)
    assert worker.stop() == 0


def _now(detail: str) -> str:
    """The same, whenever the record was looked at."""
    return re.sub(r"(record's timestamp, )[^ ]+", r"\1…", detail)


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["generate", "--out", "x"], {"HCP_FOO": "1"}, "HCP_FOO"),
        (["broker", "--port", "1"], {"HCP_FOO": "1"}, "HCP_FOO"),
        (["demo", "--reviews", "1000"], {"HCP_FOO": "1"}, "HCP_FOO"),
        (["rewind", "--since", "1960-01-01T00:00:00+08:00"], {}, "from 1970 to 2105"),
        (["rewind", "--since", "9999-01-01T00:00:00+08:00"], {}, "from 1970 to 2105"),
        (["publish", "/proc/self/mem", "--topic", "reviews"], {}, "cannot read /proc/self/mem"),
        (["publish", "/dev/null", "--topic", "reviews"], {}, "the file /dev/null is no ordinary file"),
        (["publish", "/nowhere", "--topic", "reviews"], {}, "the file /nowhere does not exist"),
        (["--env-file", "/dev/null", "topics"], {}, "the settings file /dev/null is no ordinary file"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    alone: House, arguments: list[str], settings: dict[str, str], said: str
) -> None:
    done = alone.command(*arguments, **settings)
    assert done.returncode > 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("haochaping: ")
    assert said in line


def test_ctrl_c_is_told_in_one_line(alone: House, tmp_path: Path) -> None:
    out = tmp_path / "district"
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "generate", "--out", str(out), "--reviews", "5000000"],
        env=alone.environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until("it writes", out.exists)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == "haochaping: stopped\n"
    assert process.returncode == 130


@pytest.mark.parametrize("command", [["--help"], ["migrate"]], ids=" ".join)
def test_output_that_cannot_be_written_is_one_clear_line(alone: House, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "streams", *command],
            env=alone.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.stderr == "haochaping: cannot write to standard output: No space left on device\n"
    assert done.returncode == 1
