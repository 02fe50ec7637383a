"""Which certificates to trust: the system's, and those of a company or a test."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from ..errors import ConfigurationError

__all__ = ["tls_context"]


def tls_context(trust: str | os.PathLike[str] | ssl.SSLContext | None) -> ssl.SSLContext | None:
    """The TLS context for `trust`; None leaves the system's default.

    Args:
        trust: A PEM file or a directory of hashed certificates, trusted *in addition* to the system's; or a context.

    Raises:
        ConfigurationError: The path does not exist or holds no certificate.
    """
    if trust is None or isinstance(trust, ssl.SSLContext):
        return trust
    path = Path(trust)
    context = ssl.create_default_context()
    try:
        if path.is_dir():
            context.load_verify_locations(capath=str(path))
        else:
            context.load_verify_locations(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificates in {str(path)!r} cannot be used: {error.strerror or error}.",
            checked=f"ssl={str(path)!r}",
            fix="Name a PEM file with at least one CA certificate, or pass an ssl.SSLContext",
        ) from None
    return context
