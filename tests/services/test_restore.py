"""ClickHouse is lost: the same views come back from a backup and the records since, and from Kafka alone."""

import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sinks import open_sink
from sinks.schema import migrate
from tests.deploy.tools import DEPLOY, ROOT
from tests.house import House, WorkerProcess, until
from tests.integration.sink_suite import START, cell, fact, rows
from tests.integration.test_crash import REFERENCE, load
from tests.integration.test_pipeline import furnish, review
from tests.oracle import check
from tests.services.clickhouse import PASSWORD, ClickHouse, start_clickhouse

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

Make = Callable[..., House]

VIEWS = ("bi_reviews", "bi_daily", "bi_cases", "bi_alerts", "bi_timeliness", "bi_recurrence", "bi_reconcile")


def backup(
    what: str, clickhouse: ClickHouse, url: str, folder: Path, path: str = os.environ["PATH"]
) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": path, "CLICKHOUSE_USER": "haochaping", "CLICKHOUSE_PASSWORD": PASSWORD}
    http = f"http://127.0.0.1:{clickhouse.http_port}"
    script = DEPLOY / "clickhouse" / "backup.sh"
    command = ["sh", script, what, http, url.rpartition("/")[2], folder]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def views(worker: WorkerProcess) -> dict[str, list[str]]:
    """Every row of every view, in no order; without `version`, which grows when a record is given again."""
    return {name: sorted(repr({**row, "version": None}) for row in worker.view(name)) for name in VIEWS}


@pytest.mark.parametrize("source", ["a backup and what came since", "Kafka alone"])
def test_a_lost_database_comes_back_as_it_was(
    source: str, new_house: Make, clickhouse: ClickHouse, tmp_path: Path
) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(8000)
    last = review("last", "2026-07-01T00:00:00+08:00")
    worker = house.start()
    half = len(reviews) // 2
    house.publish("reviews", reviews[:half])
    house.publish("cases.events", events[: len(events) // 2])
    house.settle(worker)
    url = house.settings["HCP_CLICKHOUSE_URL"]
    saved = backup("save", clickhouse, url, tmp_path / "backup")
    assert saved.returncode == 0, saved.stderr
    copied = [tmp_path / "backup", *(tmp_path / "backup").iterdir()]
    assert not any(each.stat().st_mode & 0o077 for each in copied)
    house.publish("reviews", reviews[half:])
    house.publish("cases.events", events[len(events) // 2 :])
    house.settle(worker)
    house.publish("reviews", [last])
    house.settle(worker)
    before = views(worker)

    refused = house.command("rewind")
    assert refused.returncode == 1
    assert "stop them all" in refused.stderr
    assert worker.stop() == 0

    house.settings["HCP_CLICKHOUSE_URL"] = f"{url}_new"
    assert house.command("migrate").returncode == 0
    since: tuple[str, ...] = ()
    if source != "Kafka alone":
        restored = backup("restore", clickhouse, f"{url}_new", tmp_path / "backup")
        assert restored.returncode == 0, restored.stderr
        ((option, told),) = re.findall(r"haochaping rewind (--since) (\S+)", restored.stdout)
        # An hour before the save, in case something was late. Nothing was: it is the copy that is put to the test.
        since = option, (datetime.fromisoformat(told) + timedelta(hours=1)).isoformat()
        again = backup("restore", clickhouse, f"{url}_new", tmp_path / "backup")
        assert again.returncode == 1
        assert "is not empty" in again.stderr
    done = house.command("rewind", *since)
    assert done.returncode == 0, done.stderr
    worker = house.start()
    house.settle(worker)
    assert views(worker) == before
    check(house, worker, [*reviews, last], events, REFERENCE)


ROWS = 300_000  # 15 MB of them: more than buffers on the way hold


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[ClickHouse]:
    """A server with two databases, one of them full; its limits may be set."""
    server = start_clickhouse(tmp_path / "clickhouse")
    try:
        for url in (server.url, f"{server.url}_new"):
            sink = open_sink(url)
            migrate(sink, zone="Asia/Shanghai", repeat_window_days=90)
            sink.close()
        made = f"SELECT toString(number), 17000 FROM numbers({ROWS})"
        ask(server, f"INSERT INTO haochaping.reviews (review_id, day) {made}")
        yield server
    finally:
        server.stop()


def ask(server: ClickHouse, query: str) -> str:
    """The server's answer."""
    where = f"http://127.0.0.1:{server.http_port}/?user=haochaping&password={PASSWORD}"
    with urllib.request.urlopen(where, query.encode()) as answer:
        return str(answer.read().decode().strip())


def limit(server: ClickHouse, name: str, value: int) -> None:
    """Give all queries this limit."""
    path = server.folder / "users.xml"
    path.write_text(path.read_text().replace("<default><max", f"<default><{name}>{value}</{name}><max", 1))
    server.stop()
    server.start()


def test_a_save_is_not_cut_off_by_the_time_a_query_may_take(strict: ClickHouse, tmp_path: Path) -> None:
    limit(strict, "max_execution_time", 1)
    slow = tmp_path / "bin" / "curl"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --limit-rate 4M "$@"\n')
    slow.chmod(0o755)
    saved = backup("save", strict, strict.url, tmp_path / "backup", f"{slow.parent}:{os.environ['PATH']}")
    assert saved.returncode == 0, saved.stderr
    restored = backup("restore", strict, f"{strict.url}_new", tmp_path / "backup")
    assert restored.returncode == 0, restored.stderr
    assert ask(strict, "SELECT count() FROM haochaping_new.reviews") == str(ROWS)


def test_a_save_that_the_server_gives_up_says_why_and_leaves_nothing_to_restore(
    strict: ClickHouse, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    assert backup("save", strict, strict.url, folder).returncode == 0
    limit(strict, "max_result_rows", ROWS - 1)
    saved = backup("save", strict, strict.url, folder)
    assert (saved.returncode, saved.stdout) == (1, "")
    assert "Code: 396" in saved.stderr
    restored = backup("restore", strict, f"{strict.url}_new", folder)
    assert restored.returncode == 1
    assert "is no finished backup" in restored.stderr


def test_a_copy_that_lost_rows_or_its_end_is_not_restored_in_silence(strict: ClickHouse, tmp_path: Path) -> None:
    whole, less = tmp_path / "whole", tmp_path / "less"
    assert backup("save", strict, strict.url, whole).returncode == 0
    ask(strict, f"INSERT INTO haochaping_new.reviews SELECT * FROM haochaping.reviews LIMIT {ROWS - 1}")
    assert backup("save", strict, f"{strict.url}_new", less).returncode == 0
    for content, said in (
        ((less / "reviews.native").read_bytes(), f"reviews has {ROWS - 1} rows, and had {ROWS} when it was saved"),
        ((whole / "reviews.native").read_bytes()[:-1], "Cannot read all data"),
    ):
        (whole / "reviews.native").write_bytes(content)
        ask(strict, "DROP TABLE haochaping_new.reviews")
        ask(strict, "CREATE TABLE haochaping_new.reviews AS haochaping.reviews")
        restored = backup("restore", strict, f"{strict.url}_new", whole)
        assert restored.returncode == 1
        assert said in restored.stderr
        assert "restored" not in restored.stdout


def test_what_operations_says_of_forgetting_takes_comments_and_pseudonyms_and_leaves_every_figure(
    strict: ClickHouse,
) -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    statements = [each.removesuffix(";") for each in re.findall(r"^ALTER TABLE .*;$", text, re.MULTILINE)]
    forgets, drops = statements[:2], statements[2:]
    sink = open_sink(f"{strict.url}_new")
    now = datetime.now(UTC)
    said = {"comment": "等了很久", "reviewer_key": "k"}
    facts = [fact(1, START - timedelta(days=3650), **said), fact(2, now, **said)]
    case = {"opened_at": facts[0]["occurred_at"], "rating": 1, "version": 1, "comment": "等了很久"}
    cases = [case | {"case_id": state, "state": state} for state in ("closed", "dismissed", "open")]
    sink.insert("reviews", rows("reviews", *facts))
    sink.insert("cases", rows("cases", *cases, case | {"case_id": "new", "state": "closed", "opened_at": now}))
    sink.insert("daily_cells", rows("daily_cells", *(cell(day=each["day"], reviews=1, version=1) for each in facts)))

    def run(*queries: str) -> None:
        for query in queries:
            ask(strict, query.replace("ALTER TABLE ", "ALTER TABLE haochaping_new."))
        until("it is done", lambda: ask(strict, "SELECT count() FROM system.mutations WHERE NOT is_done") == "0")

    def known(view: str) -> list[tuple[Any, ...]]:
        names = "review_id, comment, reviewer_key" if view == "bi_reviews" else "case_id, comment"
        return sink.query(f"SELECT {names} FROM {view} ORDER BY 1").rows

    def differences() -> list[tuple[Any, ...]]:
        return sink.query("SELECT difference FROM bi_reconcile ORDER BY day").rows

    run(*forgets)
    assert known("bi_reviews") == [("r1", None, None), ("r2", "等了很久", "k")]
    assert known("bi_cases") == [("closed", None), ("dismissed", None), ("new", "等了很久"), ("open", "等了很久")]
    assert differences() == [(0,), (0,)]
    # What is read again comes back, until the statements are run again.
    sink.insert("reviews", rows("reviews", facts[0]))
    assert known("bi_reviews")[0] == ("r1", "等了很久", "k")
    run(*forgets)
    assert known("bi_reviews")[0] == ("r1", None, None)

    month = f"{facts[0]['day']:%Y%m}"
    run(*(each.replace("202401", month) for each in drops))
    assert [key for key, *_ in known("bi_reviews")] == ["r2"]
    assert differences() == [(0,)]
    run("ALTER TABLE reviews DELETE WHERE review_id = 'r2'")
    assert differences() == [(-1,)]
    sink.close()
