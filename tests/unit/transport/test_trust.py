"""Which certificates are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.transport.trust import tls_context


def test_the_systems_trust_and_a_ready_context_are_left_alone() -> None:
    context = ssl.create_default_context()
    assert tls_context(None) is None
    assert tls_context(context) is context


def test_a_directory_may_hold_certificates(tmp_path: Path) -> None:
    context = tls_context(tmp_path)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, "no certificate in here"])
def test_a_path_without_certificates_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem") as caught:
        tls_context(str(path))
    assert "PEM file" in caught.value.fix
