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


@pytest.mark.parametrize(("key", "warned"), [("", False), ("1", True), ("x" * 15, True), ("x" * 16, False)])
def test_a_key_that_can_be_guessed_is_warned_of_and_not_shown(
    key: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCP_PSEUDONYM_KEY", key)
    warning = Settings.load().warning
    assert bool(warning) is warned
    assert not warning or ("openssl rand -hex 32" in warning and "xxx" not in warning)


@pytest.mark.parametrize("name", ["HCP_PSEUDONYM_KEY", "HCP_KAFKA_PASSWORD"])
def test_a_secret_of_any_bytes_stops_the_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `head -c 32 /dev/urandom` gives them; the environment's bytes that are no text are lone surrogates."""
    monkeypatch.setenv(name, "secret\udcff")
    with pytest.raises(HaochapingError, match=f"^{name}: has bytes that are no text") as raised:
        Settings.load()
    assert "secret" not in str(raised.value)


def test_an_unknown_name_stops_the_start_and_suggests_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_PARTITION", "8")
    with pytest.raises(HaochapingError, match="HCP_PARTITION is not a setting; did you mean HCP_PARTITIONS"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HCP_PARTITIONS", "many"),
        ("HCP_TIMEZONE", "Mars/Olympus"),
        ("HCP_TIMEZONE", "Asia"),
        ("HCP_STALL_TIMEOUT", "inf"),
        ("HCP_SESSION_TIMEOUT", "nan"),
        ("HCP_CLOCK", "sun"),
        ("HCP_CLICKHOUSE_URL", "mysql://x"),
        ("HCP_KAFKA_BOOTSTRAP", "nowhere"),
        ("HCP_KAFKA_BOOTSTRAP", "host:9092,host:65536"),
        ("HCP_KAFKA_BOOTSTRAP", "host:0"),
        ("HCP_CLICKHOUSE_URL", "chdb://relative/folder"),
        ("HCP_CLICKHOUSE_URL", "chdb://"),
        ("HCP_HTTP_HOST", ""),
        ("HCP_HTTP_HOST", " "),
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


def test_what_listens_everywhere_and_a_relative_folder_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_HTTP_HOST", "")
    with pytest.raises(HaochapingError, match="every interface"):
        Settings.load()
    monkeypatch.setenv("HCP_HTTP_HOST", "0.0.0.0")
    monkeypatch.setenv("HCP_CLICKHOUSE_URL", "chdb://relative/folder")
    with pytest.raises(HaochapingError, match="absolute path"):
        Settings.load()
    monkeypatch.setenv("HCP_CLICKHOUSE_URL", "chdb:///absolute/folder")
    assert Settings.load().sink_url == "chdb:///absolute/folder"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("HCP_PARTITIONS=8\n\n  \n  HCP_TOPIC_PREFIX geheim\n", 4),
        ("HCP_PARTITIONS: 8\n", 1),
        ("# a comment\nHCP_PSEUDONYM_KEY\n", 2),
        ("HCP_PSEUDONYM_KEY='geheim\n", 1),
        ("=geheim\n", 1),
    ],
)
def test_a_line_of_the_env_file_that_sets_nothing_stops_the_start(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "district.env"
    file.write_text(text)
    with pytest.raises(HaochapingError, match=f"district.env, line {line}: this is no NAME=value") as caught:
        Settings.load(file)
    assert "geheim" not in str(caught.value)


def test_an_env_file_is_utf_8_with_or_without_a_mark_at_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "district.env"
    file.write_bytes("HCP_PARTITIONS=8\n# 金山区\n".encode("utf-8-sig"))
    assert Settings.load(file).partitions == 8
    file.write_bytes("HCP_PARTITIOONS=8\n".encode("utf-8-sig"))
    with pytest.raises(HaochapingError, match="HCP_PARTITIOONS is not a setting"):
        Settings.load(file)
    file.write_bytes("# 金山区\n".encode("gb18030"))
    with pytest.raises(HaochapingError, match="cannot be read"):
        Settings.load(file)


def test_a_file_that_is_not_named_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_LEXICON", "")
    monkeypatch.setenv("HCP_KAFKA_CA_FILE", "")
    assert Settings.load().lexicon is None and Settings.load().kafka_ca_file is None
