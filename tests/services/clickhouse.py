"""clickhouse-server, really: Debian's, with a configuration of its own on this machine's loopback."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from clickhouse_driver import Client

from tests.house import free_port, until

PASSWORD = "only-a-test"

CONFIG = """\
<yandex>
  <logger><level>warning</level><log>{folder}/server.log</log><errorlog>{folder}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{port}</tcp_port>
  <http_port>{http_port}</http_port>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <user_files_path>{folder}/files/</user_files_path>
  <format_schema_path>{folder}/formats/</format_schema_path>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>Asia/Shanghai</timezone>
  <mark_cache_size>100000000</mark_cache_size>
</yandex>
"""

USERS = """\
<yandex>
  <profiles><default><max_memory_usage>4000000000</max_memory_usage></default></profiles>
  <users>
    <haochaping>
      <password>{password}</password>
      <networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </haochaping>
  </users>
  <quotas><default></default></quotas>
</yandex>
"""


def binary() -> str | None:
    """The server's program; None where it is not installed."""
    return os.environ.get("HAOCHAPING_TEST_CLICKHOUSE") or shutil.which("clickhouse-server")


@dataclass
class ClickHouse:
    """One server."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    password: str = PASSWORD
    http_port: int = 0

    @property
    def url(self) -> str:
        return f"clickhouse://haochaping:{self.password}@127.0.0.1:{self.port}/haochaping"

    def set_password(self, password: str) -> None:
        """Takes effect at the next start."""
        self.password = password
        (self.folder / "users.xml").write_text(USERS.format(password=password))

    def start(self) -> None:
        program = binary()
        assert program is not None
        log = (self.folder / "stdout.log").open("ab")
        self.process = subprocess.Popen(
            [program, f"--config-file={self.folder}/config.xml"], stdout=log, stderr=log, cwd=self.folder
        )
        until("clickhouse-server answers", self._answers, 60)

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "stdout.log").read_text()
        try:
            with Client(
                "127.0.0.1", self.port, user="haochaping", password=self.password, database="default"
            ) as client:
                return bool(client.execute("SELECT 1"))
        except Exception:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def start_clickhouse(folder: Path) -> ClickHouse:
    """Start a server with an empty folder."""
    for name in ("data", "tmp", "files", "formats"):
        (folder / name).mkdir(parents=True, exist_ok=True)  # a test may have mounted something there
    server = ClickHouse(folder, free_port(), http_port=free_port())
    (folder / "config.xml").write_text(CONFIG.format(folder=folder, port=server.port, http_port=server.http_port))
    server.set_password(PASSWORD)
    server.start()
    return server
