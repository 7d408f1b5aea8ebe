"""How the broker lets us in: TLS and a log-in, the same for every client."""

import ssl
from typing import Any

from streams.errors import HaochapingError
from streams.settings import Settings


def kafka_access(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client is given: where the broker is, and how it lets us in.

    Raises:
        HaochapingError: as `_tls` and `_password`.
    """
    context, password = _tls(settings), _password(settings)
    access: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap, "ssl_context": context}
    protocol = "SSL" if context else "PLAINTEXT"
    if password is None:
        return access | {"security_protocol": protocol}
    return access | {
        "security_protocol": f"SASL_{protocol}",
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": password,
    }


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Whom to believe; None: no TLS.

    Raises:
        HaochapingError: the file of authorities cannot be read, or is of no use without TLS.
    """
    file = settings.kafka_ca_file
    if not settings.kafka_tls:
        if file is not None:
            raise HaochapingError("HCP_KAFKA_CA_FILE is of use with HCP_KAFKA_TLS=true only: set that as well")
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as exc:  # ssl.SSLError is one
        said = exc.strerror or exc
        raise HaochapingError(f"HCP_KAFKA_CA_FILE: {file} cannot be used as a PEM file ({said})") from None


def _password(settings: Settings) -> str | None:
    """The log-in's; None: no log-in.

    Raises:
        HaochapingError: a name without a password, or the other way round.
    """
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else None
    if bool(settings.kafka_username) != bool(password):
        raise HaochapingError("HCP_KAFKA_USERNAME and HCP_KAFKA_PASSWORD go together: set both, or none")
    return password or None
