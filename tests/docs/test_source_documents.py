"""Every example and curl line of the two documents this library was asked to cover, running.

A: the provider guide ("GitHub Models Provider"). B: the REST reference of the inference endpoints (2022-11-28). Curl
lines run as they are printed, through a real curl whose configuration leads both host names to the simulated service;
where a document's line breaks were lost they were put back. Examples of the guide's Python API are here in this
library's words, in the order of the guide; docs/coverage.md names each.
"""

import asyncio
import json
import os
import shutil
import ssl
import sys
from decimal import Decimal

import pytest
import trustme

from ghmodels_async import GitHubModels
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

TOKEN = "github_pat_simulated00000000000"
HOSTS = ("models.github.ai", "models.inference.ai.azure.com", "api.github.com")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def simulation():
    return Simulation(seed=1, fast=True, record=True, organizations=("my-org", "ORG"))


@pytest.fixture
async def served(simulation, monkeypatch, tmp_path):
    """The service under its own names, and the environment the guide describes."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with simulation.serve(tls=context) as secure, simulation.serve() as plain:
        port = secure.url.rpartition(":")[2]
        lines = [f'cacert = "{tmp_path / "ca.pem"}"', *(f'connect-to = "{h}:443:127.0.0.1:{port}"' for h in HOSTS)]
        (tmp_path / ".curlrc").write_text("\n".join(lines))
        monkeypatch.setenv("CURL_HOME", str(tmp_path))
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("JAATO_GITHUB_ENDPOINT", plain.base_url)
        monkeypatch.setenv("GHMODELS_LEDGER", "memory")
        yield plain


async def shell(script):
    """Run a script as a person would paste it; its output."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, err.decode()
    return out.decode()


# --- curl lines ---

A_CHAT = """
curl -X POST \\
-H "Authorization: Bearer $GITHUB_TOKEN" \\
-H "Content-Type: application/json" \\
-d '{
"model": "openai/gpt-4o-mini",
"messages": [{"role":"user","content":"Hi"}]
}' \\
https://models.inference.ai.azure.com/chat/completions
"""
A_MODELS = """
curl -H "Authorization: Bearer $GITHUB_TOKEN" \\
https://models.inference.ai.azure.com/models
"""
A_STATUS = """
curl -s -o /dev/null -w "%{http_code}" \\
-H "Authorization: Bearer $GITHUB_TOKEN" \\
https://models.inference.ai.azure.com/models
"""
B_ORG = """
curl -L \\
-X POST \\
-H "Accept: application/vnd.github+json" \\
-H "Authorization: Bearer <YOUR-TOKEN>" \\
-H "X-GitHub-Api-Version: 2022-11-28" \\
-H "Content-Type: application/json" \\
https://models.github.ai/orgs/ORG/inference/chat/completions \\
-d '{"model":"openai/gpt-4.1","messages":[{"role":"user","content":"What is the capital of France?"}]}'
"""
B_USER = B_ORG.replace("/orgs/ORG", "")


@needs_curl
async def test_a_chat_by_curl(served, simulation):
    completion = json.loads(await shell(A_CHAT))
    assert completion["choices"][0]["message"]["role"] == "assistant"
    assert simulation.log[0].model == "openai/gpt-4o-mini"


@needs_curl
async def test_a_models_by_curl(served):
    listed = json.loads(await shell(A_MODELS))
    assert len(listed["data"]) == 37


@needs_curl
async def test_a_status_of_the_models_endpoint_by_curl(served):
    assert await shell(A_STATUS) == "200"


@needs_curl
@pytest.mark.parametrize(
    ("script", "path"),
    [(B_ORG, "/orgs/ORG/inference/chat/completions"), (B_USER, "/inference/chat/completions")],
    ids=["organization", "user"],
)
async def test_b_requests_by_curl_answer_as_printed(served, simulation, script, path):
    completion = json.loads(await shell(script))
    message = completion["choices"][0]["message"]
    assert message["role"] == "assistant"
    assert "The capital of France is Paris." in message["content"]
    assert simulation.log[0].path == path


async def test_a_token_is_shown_by_its_beginning_only(served):
    assert await shell("echo $GITHUB_TOKEN | head -c 20") == TOKEN[:20]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [("/user", ".login", "simulated-account-1"), ("/user/orgs", ".[].login", "my-org\nORG")],
    ids=["user", "organizations"],
)
@needs_curl
async def test_a_gh_api_lines(served, path, query, expected):
    """``gh api /user -q '.login'`` and ``gh api /user/orgs -q '.[].login'``: what gh asks, and what it picks."""
    url = f"https://api.github.com{path}"
    answer = json.loads(await shell(f'curl -s -H "Authorization: Bearer $GITHUB_TOKEN" {url}'))
    rows = answer if query.startswith(".[]") else [answer]
    assert "\n".join(row["login"] for row in rows) == expected


async def test_a_the_four_troubleshooting_commands_in_one(served):
    """Token set, login, organisations, status of the models endpoint: `ghmodels doctor` does all four and more."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ghmodels_async", "doctor", "--json", "openai/gpt-4o",
        stdout=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    told = json.loads(out)
    assert told["ok"], told
    found = {check["name"]: check["why"] for check in told["checks"]}
    assert "fine-grained" in found["token"]
    assert "simulated-account-1" in found["account"]
    assert "my-org" in found["organisation"]
    assert "37 models" in found["catalog"]
    assert "answered" in found["model"]


# --- the guide's Python examples ---


async def test_a_quick_start(served):
    """initialize, connect, create_session, send_message."""
    async with GitHubModels(token=TOKEN) as gh:
        talk = gh.conversation("openai/gpt-4o", system="You are helpful.")
        response = await talk.send("Hello!")
        print(response.text)
        assert response.text


async def test_a_organization_and_enterprise(served, simulation):
    async with GitHubModels(token=TOKEN, organization="my-org", enterprise="my-enterprise") as gh:
        await gh.chat("openai/gpt-4o", "Hello!")
    assert simulation.log[0].path == "/orgs/my-org/inference/chat/completions"


async def test_a_free_tier_start(served):
    """The token from GITHUB_TOKEN, the model with the higher free limit."""
    async with GitHubModels() as gh:
        response = await gh.conversation("openai/gpt-4o-mini").send("Hello!")
        assert response.text
        day = {s.limit: s.amount for s in gh.limits.explain("openai/gpt-4o-mini")}
    assert (day["UserByModelByMinute"], day["UserByModelByDay"]) == (15, 150)


async def test_a_billing_to_an_organization(served, simulation):
    async with GitHubModels(token=TOKEN, organization="my-org") as gh:
        await gh.chat("openai/gpt-4o", "Hello!")
    assert simulation.log[0].path.startswith("/orgs/my-org/")


async def test_a_settings_from_the_environment(served, simulation, monkeypatch):
    monkeypatch.setenv("JAATO_GITHUB_ORGANIZATION", "my-org")
    monkeypatch.setenv("JAATO_GITHUB_ENTERPRISE", "my-enterprise")
    async with GitHubModels() as gh:
        await gh.chat("openai/gpt-4o", "Hello!")
    assert simulation.log[0].path.startswith("/orgs/my-org/")


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        (["GITHUB_TOKEN=github_pat_x"], "https://models.github.ai/inference/chat/completions"),
        (
            ["GITHUB_TOKEN=github_pat_x", "JAATO_GITHUB_ORGANIZATION=my-org"],
            "https://models.github.ai/orgs/my-org/inference/chat/completions",
        ),
        (
            ["GITHUB_TOKEN=x", "JAATO_GITHUB_ORGANIZATION=my-org", "JAATO_GITHUB_ENTERPRISE=my-enterprise"],
            "https://models.github.ai/orgs/my-org/inference/chat/completions",
        ),
        (
            ["export GITHUB_TOKEN=x", "JAATO_GITHUB_ENDPOINT=https://models.ghes.example.com"],
            "https://models.ghes.example.com/chat/completions",
        ),
    ],
    ids=["minimal", "organization", "enterprise", "enterprise server"],
)
def test_a_env_files(tmp_path, lines, url):
    from ghmodels_async.config import resolve

    path = tmp_path / ".env"
    path.write_text("# In your .env file (add to .gitignore)\n" + "\n".join(lines) + "\n")
    settings = resolve(env={}, env_file=path)
    assert settings.endpoint.chat_url == url
    assert settings.env["GITHUB_TOKEN"]
    assert settings.enterprise == ("my-enterprise" if len(lines) == 3 else None)


def test_a_default_endpoint_is_a_profile():
    """The guide's default host is the profile `github-legacy`; the default is its successor, which the guide's own
    program used."""
    from ghmodels_async.config import resolve

    assert resolve(env={}).endpoint.origin == "https://models.github.ai"
    old = resolve(profile="github-legacy", env={}).endpoint
    assert old.chat_url == "https://models.inference.ai.azure.com/chat/completions"


async def test_a_error_handling(served, monkeypatch, capsys):
    async def initialize(token):
        try:
            async with GitHubModels(token) as gh:
                await gh.verify("openai/gpt-4o")
        except e.TokenNotFoundError as error:
            return f"No token: {error}"
        except e.TokenInvalidError as error:
            return f"Bad token: {error}"
        except e.TokenPermissionError as error:
            return f"Missing permission: {error}"
        except e.ModelsDisabledError as error:
            return f"Models disabled: {error}"
        return "Success"

    assert await initialize(TOKEN) == "Success"
    bad = await initialize("ghp_bad_credentials00000")
    assert bad.startswith("Bad token: ") and "classic personal access token (ghp_…)" in bad
    missing = await initialize("ghp_no_models_permission")
    assert missing.startswith("Missing permission: ") and "Configure SSO" in missing
    disabled = await initialize("ghp_models_disabled00000")
    assert disabled.startswith("Models disabled: ") and "/settings/models" in disabled
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    none = await initialize(None)
    assert none.startswith("No token: ")
    for part in ("Checked:", "GITHUB_TOKEN: not set", "To fix:", "models: read", "SSO"):
        assert part in none


async def test_a_every_exception_of_the_table_says_what_was_checked_why_and_the_fix(served, simulation):
    raised = []
    for token, model in (
        ("ghp_expired0000000000000", "openai/gpt-4o"),
        ("ghp_no_models_permission", "openai/gpt-4o"),
        ("ghp_models_disabled00000", "openai/gpt-4o"),
        (TOKEN, "openai/gpt-4oo"),
    ):
        with pytest.raises(e.GHModelsError) as caught:
            async with GitHubModels(token) as gh:
                await gh.chat(model, "Hello!")
        raised.append(caught.value)
    simulation.script([Fault.day_spent()])
    with pytest.raises(e.RateLimitError) as caught:
        async with GitHubModels(TOKEN) as gh:
            await gh.chat("openai/gpt-4o", "Hello!")
    raised.append(caught.value)
    assert [type(error) for error in raised] == [
        e.TokenInvalidError,
        e.TokenPermissionError,
        e.ModelsDisabledError,
        e.ModelNotFoundError,
        e.QuotaExhaustedError,
    ]
    for error in raised:
        assert error.checked and error.why and error.fix
        assert all(part in str(error) for part in (error.why, "Checked", "To fix"))


async def test_a_token_units(served):
    """units = input x multiplier + output x multiplier, at $0.00001 a unit (cached input has its own multiplier)."""
    async with GitHubModels() as gh:
        reply = await gh.chat("openai/gpt-4o", "Hello!")
        usage = reply.usage
        assert reply.cost.units == usage.prompt_tokens * Decimal("0.25") + usage.completion_tokens
        assert gh.usage.cost.dollars == reply.cost.units * Decimal("0.00001")


async def test_a_usage_of_the_last_response(served):
    async with GitHubModels() as gh:
        talk = gh.conversation("openai/gpt-4o")
        await talk.send("Hello!")
        usage = talk.last_usage
        assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_context_limits():
    """The guide says 128,000 for gpt-4o; the catalog says 131,072, and who says so is part of the answer."""
    gh = GitHubModels(TOKEN)
    limit = gh.context_limit("openai/gpt-4o")
    assert f"Context: {limit.value:,} tokens" == "Context: 131,072 tokens"
    assert "catalog" in limit.source
    limit = gh.context_limit("anthropic/claude-3.5-sonnet")
    assert f"Context: {limit.value:,} tokens" == "Context: 200,000 tokens"
    assert "guide" in limit.source


@pytest.mark.parametrize(
    ("names", "context"),
    [
        (("gpt-4o", "gpt-4o-mini"), 131_072),
        (("o1-preview", "o1-mini"), 128_000),
        (("claude-3.5-sonnet", "claude-3-opus", "claude-3-haiku"), 200_000),
        (("gemini-1.5-pro", "gemini-1.5-flash"), 1_000_000),
        (("llama-3.1-405b", "llama-3.1-70b", "llama-3.1-8b"), 128_000),
        (("mistral-large", "mistral-small"), 32_000),
    ],
)
def test_a_available_models(names, context):
    gh = GitHubModels(TOKEN)
    for name in names:
        assert gh.context_limit(name).value == pytest.approx(context, rel=0.05), name


async def test_a_quick_test_script(served):
    async with GitHubModels() as gh:
        response = await gh.chat("openai/gpt-4o", "Say hello")
        print(f"Success: {response.text}")
        assert response.text


async def test_a_list_models(served):
    async with GitHubModels() as gh:
        models = await gh.models()
        assert len(models) == 37
        openai = await gh.models(prefix="openai/")
        assert openai and all(card.id.startswith("openai/") for card in openai)
        assert await gh.models(prefix="anthropic/") == []  # in the guide, never in the catalog


# --- B: parameters, headers, query ---


async def test_b_headers_path_and_query(served, simulation):
    root = f"{served.url}/inference?api-version=2024-05-01-preview"
    async with GitHubModels(TOKEN, base_url=root, organization="ORG") as gh:
        await gh.chat("openai/gpt-4.1", "What is the capital of France?")
    (arrival,) = simulation.log
    assert arrival.path == "/orgs/ORG/inference/chat/completions"
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.headers["accept"] == "application/vnd.github+json"
    assert arrival.headers["x-github-api-version"] == "2022-11-28"
    assert gh._wiring.settings.endpoint.chat_url.endswith("/chat/completions?api-version=2024-05-01-preview")


FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
SCHEMA = {
    "name": "city",
    "schema": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
}
PARAMETERS = [
    {"frequency_penalty": -2.0},
    {"frequency_penalty": 2.0},
    {"max_tokens": 50},
    {"modalities": ["text"]},
    {"presence_penalty": 2.0},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    {"seed": 7},
    {"stop": ["END", "STOP"]},
    {"temperature": 0.5},
    {"tools": [FUNCTION], "tool_choice": "auto"},
    {"tools": [FUNCTION], "tool_choice": "required"},
    {"tools": [FUNCTION], "tool_choice": "none"},
    {"top_p": 0.15},
]


@pytest.mark.parametrize("given", PARAMETERS, ids=lambda given: "+".join(given))
async def test_b_every_parameter_travels_as_documented(served, simulation, given):
    async with GitHubModels() as gh:
        reply = await gh.chat("openai/gpt-4.1", "Answer in JSON: what is the capital of France?", **given)
    assert reply.choices
    (arrival,) = simulation.log
    assert {name: arrival.body[name] for name in given} == given


@pytest.mark.parametrize("include_usage", [True, False])
async def test_b_stream_and_its_options(served, simulation, include_usage):
    async with GitHubModels() as gh:
        stream = gh.stream("openai/gpt-4.1", "Hi", stream_options={"include_usage": include_usage})
        reply = await stream.final()
    assert simulation.log[0].body["stream"] is True
    assert simulation.log[0].body["stream_options"] == {"include_usage": include_usage}
    assert (reply.usage is not None) is include_usage


async def test_b_every_role_is_taken(served, simulation):
    roles = ["system", "developer", "user", "assistant"]
    messages = [{"role": role, "content": "x"} for role in roles] + [{"role": "user", "content": "Hi"}]
    async with GitHubModels() as gh:
        assert (await gh.chat("openai/gpt-4.1", messages)).text
    assert [message["role"] for message in simulation.log[0].body["messages"]][:4] == roles


@pytest.mark.parametrize(
    "given",
    [
        {"frequency_penalty": 2.1},
        {"presence_penalty": -2.1},
        {"temperature": 1.1},
        {"top_p": -0.1},
        {"tool_choice": "always"},
        {"modalities": ["video"]},
    ],
    ids=lambda given: next(iter(given)),
)
async def test_b_what_is_outside_the_documented_range_is_refused_before_it_is_sent(served, simulation, given):
    async with GitHubModels() as gh:
        with pytest.raises(e.BadRequestError):
            await gh.chat("openai/gpt-4.1", "Hi", **given)
    assert simulation.log.total == 0


async def test_b_an_unsupported_modality_is_a_422(served):
    async with GitHubModels() as gh:
        with pytest.raises(e.BadRequestError) as caught:
            await gh.chat("openai/gpt-4.1", "Hi", extra_body={"modalities": ["text", "audio"]})
    assert caught.value.status == 422
