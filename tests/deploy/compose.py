"""docker-compose.yml, as the commands and environments it stands for: what a container engine would start.

Only what belongs to a container is replaced: names of hosts, ports, and folders, by those of this machine. Everything
else, every flag and every setting, is what the file says.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.tools import DEPLOY, ROOT, documents

COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
DOCKERFILE = DEPLOY / "Dockerfile"


def variables(path: Path) -> dict[str, str]:
    """An environment file's names and values."""
    lines = (line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def image_environment() -> dict[str, str]:
    """What `ENV` of our image's last stage sets."""
    text = DOCKERFILE.read_text("utf-8")
    last = text[text.rindex("\nFROM") :]
    found = re.search(r"^ENV ((?:.*\\\n)*.*)$", last, re.MULTILINE)
    assert found is not None
    return dict(pair.split("=", 1) for pair in found[1].replace("\\\n", " ").split())


@dataclass
class Compose:
    """The file under an `.env` of these values, with these replacements (longest first) in whatever is run."""

    values: Mapping[str, str]
    replace: Mapping[str, str]

    def service(self, name: str) -> dict[str, Any]:
        """A service as it stands in the file, anchors followed."""
        found: dict[str, Any] = documents(COMPOSE)[0]["services"][name]
        return found

    def here(self, text: str) -> str:
        """The text with `.env` put in, and with this machine's hosts, ports and folders."""
        text = re.sub(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}", self._value, text).replace("$$", "$")
        for name in sorted(self.replace, key=len, reverse=True):
            text = text.replace(name, self.replace[name])
        return text

    def _value(self, found: re.Match[str]) -> str:
        name, sign, rest = found.groups()
        value = self.values.get(name, "")
        assert value or sign != "?", f"{name} is not set: {rest}"
        return value or (rest if sign == "-" else "")

    def command(self, name: str, program: str | None = None) -> list[str]:
        """What the service runs: its entrypoint, or `program` for its image's, and its command."""
        service = self.service(name)
        entrypoint = service.get("entrypoint") or shlex.split(program or "")
        return [self.here(part) for part in (*entrypoint, *service.get("command", []))]

    def environment(self, name: str) -> dict[str, str]:
        """Its environment: our image's, the service's; of this machine only where programs are."""
        service = self.service(name)
        ours = image_environment() if service["image"].startswith("haochaping:") else {}
        all_of_it = self.values if service.get("env_file") == [{"path": ".env", "required": False}] else {}
        given = {**ours, **all_of_it, **service.get("environment", {})}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        python = {"PYTHONPATH": str(ROOT)}  # the image has the packages installed
        return {**{key: self.here(str(value)) for key, value in given.items()}, "PATH": path, **python}

    def start(self, name: str, log: Path, program: str | None = None) -> subprocess.Popen[bytes]:
        """Start the service as a process."""
        with log.open("ab") as stream:
            return subprocess.Popen(
                self.command(name, program), env=self.environment(name), stdout=stream, stderr=stream, cwd=log.parent
            )
