"""From a profile, an address and an organisation to the URLs a client calls."""

import pytest

from ghmodels_async import profiles
from ghmodels_async.config import endpoint_of
from ghmodels_async.errors import ConfigurationError


def endpoint(profile="github", *args, **more):
    return endpoint_of(profiles.load(profile), *args, **more)


def test_the_profiles_own_addresses():
    found = endpoint()
    assert found.chat_url == "https://models.github.ai/inference/chat/completions"
    assert found.embeddings_url == "https://models.github.ai/inference/embeddings"
    assert found.catalog_url == "https://models.github.ai/catalog/models"
    assert found.user_url == "https://api.github.com/user"
    assert found.origin == "https://models.github.ai"
    assert not found.explicit


def test_the_organisation_route_replaces_the_root_and_nothing_else():
    found = endpoint("github", None, "my-org")
    assert found.chat_url == "https://models.github.ai/orgs/my-org/inference/chat/completions"
    assert found.embeddings_url == "https://models.github.ai/orgs/my-org/inference/embeddings"
    assert found.catalog_url == "https://models.github.ai/catalog/models"


@pytest.mark.parametrize("base", [None, "https://proxy.example/inference"])
def test_the_account_is_the_same_with_and_without_an_organisation(base):
    plain, attributed = endpoint("github", base), endpoint("github", base, "my-org")
    assert plain.account_root == attributed.account_root == plain.root
    assert attributed.root != plain.root


def test_an_organisation_cannot_break_out_of_its_place_in_the_path():
    assert endpoint("github", None, "a/../b?x").root == "https://models.github.ai/orgs/a%2F..%2Fb%3Fx/inference"


@pytest.mark.parametrize(
    ("base", "organisation_root", "catalog", "user"),
    [
        ("https://proxy.example/inference", "https://proxy.example/orgs/o/inference", "/catalog/models", "/user"),
        ("https://models.ghes.example", "https://models.ghes.example/orgs/o/inference", "/catalog/models", "/user"),
        ("https://p.example/gh/inference/", "https://p.example/gh/orgs/o/inference", "/gh/catalog/models", "/gh/user"),
    ],
)
def test_a_replaced_address_takes_the_whole_service_with_it(base, organisation_root, catalog, user):
    found = endpoint("github", base, "o")
    origin = "/".join(base.split("/")[:3])
    assert found.root == organisation_root
    assert found.catalog_url == origin + catalog
    assert found.user_url == origin + user
    assert found.explicit


def test_a_key_never_leaves_the_origin_that_was_given():
    found = endpoint("github", "http://127.0.0.1:8080/inference")
    urls = [found.chat_url, found.embeddings_url, found.catalog_url, found.user_url]
    assert all(url.startswith("http://127.0.0.1:8080/") for url in urls)


def test_a_plain_service_has_its_catalog_under_the_root():
    assert endpoint("groq", "http://localhost:9/v1").catalog_url == "http://localhost:9/v1/models"
    assert endpoint("openrouter", "https://p.example/x").catalog_url == "https://p.example/x/models"


def test_foundry_needs_an_address_and_sends_its_version_where_it_is_wanted():
    with pytest.raises(ConfigurationError, match="no common address"):
        endpoint("foundry")
    models = endpoint("foundry", "https://r.services.ai.azure.com/models")
    assert models.chat_url == "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview"
    plain = endpoint("foundry", "https://r.services.ai.azure.com/openai/v1")
    assert plain.chat_url == "https://r.services.ai.azure.com/openai/v1/chat/completions"


def test_a_query_in_the_address_goes_behind_the_path_and_wins():
    found = endpoint("foundry", "https://r.services.ai.azure.com/models?api-version=2025-01-01&x=")
    assert found.chat_url == "https://r.services.ai.azure.com/models/chat/completions?api-version=2025-01-01&x="
    assert found.root == "https://r.services.ai.azure.com/models"


@pytest.mark.parametrize("name", ["groq", "github-legacy", "local"])
def test_an_organisation_without_a_route_is_an_error(name):
    with pytest.raises(ConfigurationError, match=f"{name} cannot attribute use to an organisation"):
        endpoint(name, None, "o")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("models.github.ai", "not an http"),
        ("ftp://h/x", "not an http"),
        ("https://", "not an http"),
        ("https://h:port/v1", "not an address"),
        ("https://user:secret@h/v1", "user or password"),
        ("https://h/v1/chat/completions", "names one operation"),
        ("http://example.com/v1", "unencrypted to example.com"),
        ("http://127.evil.example/v1", "unencrypted"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(base, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        endpoint("groq", base)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "127.9.9.9", "[::1]:80", "api.localhost"])
def test_plain_http_is_fine_on_this_machine(host):
    assert endpoint("groq", f"http://{host}/v1").root == f"http://{host}/v1"


def test_plain_http_elsewhere_can_be_allowed():
    assert endpoint("groq", "http://lan.example/v1", allow_http=True).origin == "http://lan.example"


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("https://H.Example:443/v1", "https://h.example"),
        ("http://[::1]:80/v1", "http://[::1]"),
        ("https://h:8443", "https://h:8443"),
    ],
)
def test_an_origin_is_written_in_one_way(base, origin):
    assert endpoint("groq", base).origin == origin


def test_a_profile_without_an_address_finds_its_catalog_by_path(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\ncatalog_url = "https://elsewhere.example/list"\n')
    found = endpoint_of(profiles.load(str(path)), "https://own.example/v1")
    assert found.catalog_url == "https://own.example/v1/list"
