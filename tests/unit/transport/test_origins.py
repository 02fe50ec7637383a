"""Where requests may go."""

from __future__ import annotations

import pytest

from ghmodels_async.errors import ConfigurationError
from ghmodels_async.transport.origins import check_address, environment_proxy, is_loopback, origin_of, same_origin

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://models.github.ai/inference", ("https", "models.github.ai", 443)),
        ("HTTP://LocalHost:8080/x", ("http", "localhost", 8080)),
        ("http://[::1]:1/", ("http", "::1", 1)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "models.github.ai",
        "ftp://x/",
        "https://",
        "https://u:secret@x/",
        "http://x:port/",
        "//x",
        "http://[::1",
        "https://models.github.ai\\.evil.example/",
        "http://a b/",
        "http://\x00/",
    ],
)
def test_what_is_no_address_is_refused_without_showing_credentials(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        origin_of(url)
    assert "secret" not in str(caught.value)


def test_default_ports_make_the_same_origin() -> None:
    assert same_origin("https://a/x", "https://A:443/y")
    assert not same_origin("https://a/", "http://a/")
    assert not same_origin("https://a/", "https://b.a/")
    assert not same_origin("https://a/", "https://a:444/")


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_this_machine_is_known_by_name_and_number(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.evil.example", "10.0.0.1", "0.0.0.0", "notlocalhost", "128.0.0.1"])
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host)


def test_plain_http_goes_to_this_machine_only_unless_asked() -> None:
    assert check_address("http://127.0.0.1:1/x", allow_plain_http=False) == ("http", "127.0.0.1", 1)
    assert check_address("https://far.example/", allow_plain_http=False)[1] == "far.example"
    assert check_address("http://far.example/", allow_plain_http=True)[1] == "far.example"
    with pytest.raises(ConfigurationError, match="unencrypted"):
        check_address("http://far.example/?key=1", allow_plain_http=False)


FAR = ("https", "far.example", 443)


def test_without_variables_there_is_no_proxy() -> None:
    assert environment_proxy(FAR) is None


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ({"https_proxy": "http://u:pw@p:3128"}, "http://u:pw@p:3128"),
        ({"ALL_PROXY": "p:3128"}, "http://p:3128"),
        ({"HTTP_PROXY": "http://p:3128"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": ".example"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "far.example:443"}, None),
        ({"HTTPS_PROXY": "http://p:3128", "NO_PROXY": "*"}, None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(FAR) == proxy


def test_this_machine_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://p:3128")
    assert environment_proxy(("http", "127.0.0.1", 8080)) is None
    assert environment_proxy(("http", "far.example", 80)) == "http://p:3128"


def test_a_proxy_of_another_kind_is_refused_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://p:1080")
    with pytest.raises(ConfigurationError, match="socks5 proxy is not supported"):
        environment_proxy(FAR)
