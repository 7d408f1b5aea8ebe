from pathlib import Path

import pytest

from streams.errors import HaochapingError
from streams.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("HCP_"):
            monkeypatch.delenv(name)


def test_defaults_are_the_contracts() -> None:
    settings = Settings.load()
    assert (settings.partitions, settings.timezone, settings.clock) == (4, "Asia/Shanghai", "wall")
    assert (settings.callback_days, settings.rectify_days, settings.extended_days) == (1, 5, 15)
    assert (settings.repeat_window_days, settings.category_repeat_min, settings.http_port) == (90, 3, 6066)


def test_an_unknown_name_stops_the_start_and_suggests_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_PARTITION", "8")
    with pytest.raises(HaochapingError, match="HCP_PARTITION is not a setting; did you mean HCP_PARTITIONS"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HCP_PARTITIONS", "many"),
        ("HCP_TIMEZONE", "Mars/Olympus"),
        ("HCP_CLOCK", "sun"),
        ("HCP_CLICKHOUSE_URL", "mysql://x"),
        ("HCP_KAFKA_BOOTSTRAP", "nowhere"),
        ("HCP_HTTP_PORT", "99999"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(HaochapingError, match=name):
        Settings.load()


def test_a_secret_is_never_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_CLICKHOUSE_URL", "postgres://user:geheim@host/db")
    with pytest.raises(HaochapingError) as caught:
        Settings.load()
    assert "geheim" not in str(caught.value)


def test_an_env_file_is_read_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "district.env"
    file.write_text("# a district\nHCP_PARTITIONS=8\nexport HCP_TOPIC_PREFIX=jinshan.\n")
    settings = Settings.load(file)
    assert (settings.partitions, settings.topic_prefix) == (8, "jinshan.")
    monkeypatch.setenv("HCP_PARTITIONS", "16")
    assert Settings.load(file).partitions == 16, "the environment wins"
    file.write_text("HCP_PARTITIOONS=8\n")
    with pytest.raises(HaochapingError, match="HCP_PARTITIOONS"):
        Settings.load(file)
    with pytest.raises(HaochapingError, match="does not exist"):
        Settings.load(tmp_path / "none.env")
