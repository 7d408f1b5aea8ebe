"""Every setting, its environment name (`HCP_` + the field in capitals) and its default. Source: CONTRACT §8."""

import difflib
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import HaochapingError

PREFIX = "HCP_"

#: Characters of a key that nobody finds by trying.
SAFE_KEY = 16


class Settings(BaseSettings):
    """What a deployment decides. Read once, at the start of a process; never changed after."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file_encoding="utf-8", extra="ignore", frozen=True)

    # Where things are
    kafka_bootstrap: str = Field("127.0.0.1:9092", pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")
    clickhouse_url: str = Field("", pattern=r"^$|^(chdb|clickhouse)://")  # empty: chdb in the data folder
    data_dir: Path = Path("var")
    http_host: str = "127.0.0.1"
    http_port: int = Field(6066, ge=0, le=65535)

    # How the broker lets us in (runtime/access.py)
    kafka_tls: bool = False
    kafka_ca_file: Path | None = None  # who signed its certificate; the system's authorities unless given
    kafka_username: str = ""  # SASL; empty: no log-in
    kafka_password: SecretStr | None = None
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"

    # Topics
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    partitions: int = Field(4, ge=1, le=1000)
    replication: int = Field(1, ge=1, le=10)

    # The district's rules (CONTRACT §3)
    timezone: str = "Asia/Shanghai"
    clock: Literal["wall", "event"] = "wall"
    deadline_calendar: Literal["natural", "workdays"] = "natural"
    callback_days: int = Field(1, ge=1, le=365)
    rectify_days: int = Field(5, ge=1, le=365)
    extended_days: int = Field(15, ge=1, le=365)
    callback_lead_hours: int = Field(4, ge=0, le=24 * 365)
    rectify_lead_hours: int = Field(24, ge=0, le=24 * 365)
    repeat_window_days: int = Field(90, ge=1, le=3650)
    category_repeat_min: int = Field(3, ge=2, le=1000)
    lexicon: Path | None = None
    pseudonym_key: SecretStr | None = None

    # How the worker behaves
    dedupe_days: int = Field(400, ge=1, le=3650)
    reject_limit: float = Field(0.5, gt=0, le=1)  # share of a partition's last 1,000 records; 1 switches it off
    standby_replicas: int = Field(0, ge=0, le=10)  # other workers that keep a copy of each partition's memory
    session_timeout: float = Field(10, ge=1, lt=90)  # seconds without a heartbeat until partitions go to others
    stall_timeout: float = Field(120, gt=0, le=86_400)  # seconds without progress although there is work
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("kafka_bootstrap")
    @classmethod
    def _ports(cls, brokers: str) -> str:
        if any(not 0 < int(broker.rpartition(":")[2]) <= 65535 for broker in brokers.split(",")):
            raise ValueError("has a port that is none: they are from 1 to 65535")
        return brokers

    @field_validator("http_host")
    @classmethod
    def _somewhere(cls, host: str) -> str:
        if not host.strip():
            raise ValueError("is empty, which would listen on every interface: if you want that, say 0.0.0.0")
        return host

    @field_validator("kafka_ca_file", "lexicon", mode="before")
    @classmethod
    def _none(cls, path: object) -> object:
        return path or None  # NAME= in a file; as a path it would be the folder we are in

    @field_validator("pseudonym_key", "kafka_password")
    @classmethod
    def _text(cls, secret: SecretStr | None) -> SecretStr | None:
        try:
            (secret.get_secret_value() if secret else "").encode()
        except UnicodeEncodeError:
            raise ValueError("has bytes that are no text in UTF-8: one is made by openssl rand -hex 32") from None
        return secret

    @field_validator("clickhouse_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        if url.startswith("chdb://") and not url.startswith("chdb:///"):
            raise ValueError("chdb needs an absolute path, such as chdb:///var/lib/haochaping/clickhouse")
        return url

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # Asia is a folder
            raise ValueError("is not a time zone name such as Asia/Shanghai") from None
        return name

    @property
    def warning(self) -> str | None:
        """What is allowed and should not be so: a key that can be guessed."""
        key = self.pseudonym_key.get_secret_value() if self.pseudonym_key else ""
        if not key or len(key) >= SAFE_KEY:
            return None
        return (
            f"{PREFIX}PSEUDONYM_KEY is shorter than {SAFE_KEY} characters: whoever knows one reviewer_key and the "
            "person can find the key by trying, and with it everybody; make one: openssl rand -hex 32"
        )

    @property
    def zone(self) -> ZoneInfo:
        """The district's local time zone."""
        return ZoneInfo(self.timezone)

    @property
    def group(self) -> str:
        """The workers' consumer group."""
        return f"{self.topic_prefix}haochaping"

    @property
    def rebalance_timeout(self) -> float:
        """Seconds that members of the group have to come together again, before the broker goes on without them."""
        return max(10.0, self.session_timeout)

    @property
    def sink_url(self) -> str:
        """The ClickHouse in use: what was set, or the embedded one in the data folder."""
        return self.clickhouse_url or f"chdb://{(self.data_dir / 'clickhouse').absolute()}"

    @classmethod
    def load(cls, env_file: Path | None = None) -> Self:
        """Read the environment, over `env_file` if one is given.

        Raises:
            HaochapingError: naming the first unknown or unusable setting.
        """
        names = [name for name in os.environ if name.upper().startswith(PREFIX)]
        if env_file is not None:
            names += [name for name in _names(env_file) if name.upper().startswith(PREFIX)]
        known = {PREFIX + field.upper() for field in cls.model_fields}
        for name in names:
            if name.upper() not in known:
                close = difflib.get_close_matches(name.upper(), sorted(known), n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise HaochapingError(f"{name} is not a setting{hint} (`haochaping doctor --help` lists them all)")
        try:
            return cls(_env_file=env_file)
        except ValidationError as exc:
            error = exc.errors(include_url=False)[0]
            name = PREFIX + str(error["loc"][0]).upper()
            # The value of a setting may be a secret, so it is not shown.
            raise HaochapingError(f"{name}: {error['msg'].removeprefix('Value error, ')}") from None


def _names(env_file: Path) -> Iterator[str]:
    """The names set in a settings file.

    Raises:
        HaochapingError: it cannot be read, or a line of it sets nothing; pydantic would pass over that in silence.
    """
    if not env_file.is_file():
        what = "is no ordinary file" if env_file.exists() else "does not exist"  # it is read twice, a pipe but once
        raise HaochapingError(f"the settings file {env_file} {what}")
    try:
        text = env_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise HaochapingError(f"the settings file {env_file} cannot be read: {exc}") from None
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            # The line may hold a secret, so it is not shown.
            blank, _, _ = binding.original.string.partition(binding.original.string.strip())
            line = binding.original.line + blank.count("\n")
            raise HaochapingError(f"the settings file {env_file}, line {line}: this is no NAME=value")
        if binding.key:
            yield binding.key
