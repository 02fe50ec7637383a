"""Every bad answer seen in the wild gets its one class, its facts, and words that help."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ghmodels_async import errors
from ghmodels_async.errors import FaultContext, classify, from_error_object

WALL = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC
GITHUB = FaultContext(
    profile_name="github",
    title="GitHub Models",
    model="openai/gpt-5",
    token_kind="github_pat_",
    token_variable="GITHUB_TOKEN",
    known_models=("openai/gpt-5", "openai/gpt-5-mini", "openai/gpt-4o", "meta/llama-3.3-70b-instruct"),
    request_url="https://models.github.ai/inference/chat/completions?api-version=2024-05-01-preview",
)
GROQ = FaultContext(profile_name="groq", title="Groq", model="llama-3.3-70b", token_variable="GROQ_API_KEY")
ROUTER = FaultContext(profile_name="openrouter", title="OpenRouter", model="x/y:free")


def name(status: int, body: Any, context: FaultContext = GITHUB, headers: dict[str, str] | None = None) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(status, headers or {}, data, context, wall=WALL)


def github(code: str | None, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": message}}


def limited(message: str) -> dict[str, Any]:
    return github("RateLimitReached", message)


MINUTE = "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 46 seconds before retrying."
DAY = "Rate limit of 8 per 86400s exceeded for UserByModelByDay. Please wait {} seconds before retrying."
FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy...",
        "type": None, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "violence": {"filtered": True, "severity": "medium"},
                "hate": {"filtered": False, "severity": "safe"},
                "jailbreak": {"filtered": True, "detected": True},
            },
        },
    }
}  # fmt: skip
RETIRED = github("github_models_retirement_brownout", "GitHub Models is temporarily unavailable as part of a …")
BUDGET = {"error": {"message": "Unable to proceed with model usage. This account has reached its budget limit."}}
SORRY = {"error": {"message": "The server had an error while processing your request. Sorry about that!",
                   "type": "server_error", "param": None, "code": None}}  # fmt: skip

SEEN: list[tuple[int, Any, FaultContext, str]] = [
    # GitHub Models, facts sheet 3.2 and 3.5
    (429, limited(MINUTE), GITHUB, "RateLimitError"),
    (429, limited(DAY.format(4)), GITHUB, "RateLimitError"),
    (429, limited(DAY.format(40312)), GITHUB, "QuotaExhaustedError"),
    (429, limited(DAY.format(54013)), GITHUB, "QuotaExhaustedError"),
    (413, github("tokens_limit_reached", "Request body too large for gpt-5 model. Max size: 4000 tokens."), GITHUB,
     "RequestTooLargeError"),
    (401, github("unauthorized", "Bad credentials"), GITHUB, "TokenInvalidError"),
    (401, github("unauthorized", "The `models` permission is required to access this endpoint"), GITHUB,
     "TokenPermissionError"),
    (401, {"message": "GitHub Models is disabled"}, GITHUB, "ModelsDisabledError"),
    (403, {"message": "GitHub Models is disabled"}, GITHUB, "ModelsDisabledError"),
    (403, github("no_access", "No access to model: openai/gpt-5"), GITHUB, "ModelAccessError"),
    (403, b"", GITHUB, "TokenPermissionError"),
    (403, {"message": "Resource not accessible by integration"}, GITHUB, "TokenPermissionError"),
    (403, BUDGET, GITHUB, "BudgetExceededError"),
    (404, github("unknown_model", "Unknown model: x"), GITHUB, "ModelNotFoundError"),
    (400, github("unknown_model", "Unknown model: x"), GITHUB, "ModelNotFoundError"),
    (400, github("unavailable_model", "Unavailable model: gpt-5"), GITHUB, "ModelUnavailableError"),
    (400, {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                     "'max_completion_tokens' instead."}}, GITHUB, "BadRequestError"),
    (400, {"error": {"message": "Unsupported value", "type": "invalid_request_error", "param": "temperature",
                     "code": "unsupported_value"}}, GITHUB, "BadRequestError"),
    (400, github("empty_array", "Invalid 'messages': empty array"), GITHUB, "BadRequestError"),
    (400, FILTERED, GITHUB, "ContentFilterError"),
    (422, b"", GITHUB, "BadRequestError"),
    (410, RETIRED, GITHUB, "ServiceRetiredError"),
    (410, b"", GITHUB, "ServiceRetiredError"),
    (503, RETIRED, GITHUB, "ServiceRetiredError"),
    (500, SORRY, GITHUB, "ServerError"),
    # every other status
    (402, b"", ROUTER, "BudgetExceededError"), (404, {"message": "Not Found"}, GITHUB, "BadRequestError"),
    (405, b"", GITHUB, "BadRequestError"), (407, b"", GITHUB, "APIError"), (408, b"", GITHUB, "APIError"),
    (409, b"", GITHUB, "APIError"), (415, b"", GITHUB, "BadRequestError"), (418, b"", GITHUB, "BadRequestError"),
    (425, b"", GITHUB, "APIError"), (429, b"", GITHUB, "RateLimitError"), (431, b"", GITHUB, "BadRequestError"),
    (502, b"<html><title>502 Bad Gateway</title></html>", GITHUB, "ServerError"),
    (503, b"upstream connect error", GITHUB, "ServerError"), (529, b"", GITHUB, "ServerError"),
    # something in between
    (401, b"<html>log in</html>", GITHUB, "APIError"), (403, b"<html>blocked</html>", GITHUB, "APIError"),
    (413, b"<html>413 Request Entity Too Large</html>", GITHUB, "RequestTooLargeError"),
    (429, b"<html>slow down</html>", GITHUB, "RateLimitError"),
    # a 200 that is no answer
    (200, b"", GITHUB, "ServerError"), (200, b"<html>ok</html>", GITHUB, "ServerError"),
    (200, b"ok", GITHUB, "ServerError"), (200, {"hello": 1}, GITHUB, "ServerError"),
    # OpenRouter: the error inside a 200, and its own 4xx
    (200, {"error": {"code": 429, "message": "Rate limit exceeded: free-models-per-min"}}, ROUTER, "RateLimitError"),
    (200, {"error": {"code": 502, "message": "Provider returned error"}}, ROUTER, "ServerError"),
    (200, {"error": {"code": 402, "message": "Insufficient credits"}}, ROUTER, "BudgetExceededError"),
    (200, {"error": {"message": "no", "type": "invalid_request_error"}}, ROUTER, "BadRequestError"),
    (400, {"error": {"code": 400, "message": "x/z is not a valid model ID"}}, ROUTER, "ModelNotFoundError"),
    (404, {"error": {"code": 404, "message": "No endpoints found for x/y:free."}}, ROUTER, "ModelNotFoundError"),
    (403, {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"]}}}, ROUTER,
     "ContentFilterError"),
    # OpenAI, Groq, Google, Mistral, llama.cpp, vLLM, Ollama, Azure
    (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, GROQ,
     "BudgetExceededError"),
    (413, {"error": {"message": "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested "
                     "7000, please reduce", "code": "rate_limit_exceeded"}}, GROQ, "RequestTooLargeError"),
    (429, {"error": {"message": "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000.",
                     "code": "rate_limit_exceeded"}}, GROQ, "RequestTooLargeError"),
    (400, {"error": {"message": "This model's maximum context length is 8192 tokens. However, you requested 9000 "
                     "tokens",
                     "code": "context_length_exceeded"}}, GROQ, "RequestTooLargeError"),
    (400, {"object": "error", "message": "This model's maximum context length is 8192 tokens.", "code": 400,
           "type": "BadRequestError"}, GROQ, "RequestTooLargeError"),
    (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}}, GROQ,
     "RequestTooLargeError"),
    (500, {"error": {"code": 500, "type": "server_error", "message": "input (5002 tokens) is too large to process. "
                     "increase the physical batch size (current batch size: 512)"}}, GROQ, "RequestTooLargeError"),
    (401, {"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}, GROQ, "TokenInvalidError"),
    (400, [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT",
                      "details": [{"reason": "API_KEY_INVALID"}]}}], GROQ, "TokenInvalidError"),
    (429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "37s"}]}}], GROQ,
     "RateLimitError"),
    (404, {"error": {"message": "models/foo is not found for API version v1beta"}}, GROQ, "ModelNotFoundError"),
    (404, {"error": "model 'llama-3.3-70b' not found"}, GROQ, "ModelNotFoundError"),
    (404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment …"}}, GROQ, "ModelNotFoundError"),
    (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}, GROQ,
     "ModelNotFoundError"),
    (400, {"error": {"message": "gone", "code": "model_decommissioned"}}, GROQ, "ModelNotFoundError"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "context", "expected"), SEEN)
def test_every_answer_seen_has_one_class(status: int, body: Any, context: FaultContext, expected: str) -> None:
    error = name(status, body, context)
    assert type(error).__name__ == expected
    assert error.why
    assert error.checked
    assert error.fix


@pytest.mark.parametrize("wait", [40312, 54013, 42900, 50300, 41000, 41300])
def test_digits_of_a_wait_are_never_read_as_a_status(wait: int) -> None:
    error = name(429, limited(DAY.format(wait)))
    assert isinstance(error, errors.QuotaExhaustedError)
    assert error.retry_after == wait


def test_a_rate_limit_carries_its_facts() -> None:
    error = name(429, limited(MINUTE), headers={"retry-after": "46", "x-request-id": "R1", "x-ratelimit-type": "T"})
    assert (error.limit, error.retry_after, error.status, error.code) == ("T", 46, 429, "RateLimitReached")
    assert error.request_id == "R1"
    assert error.headers == {"retry-after": "46", "x-ratelimit-type": "T"}
    assert error.facts.amount == 10
    assert "10 requests per 60 s (T)" in error.why


def test_a_long_wait_is_a_quota_used_up_with_its_reset_time() -> None:
    error = name(429, limited(DAY.format(3600)))
    assert error.reset_at == datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    assert "until 2026-11-22 13:00:00 UTC" in error.why
    assert "another model" in error.fix


def test_a_day_limit_without_any_wait_is_used_up_until_nobody_knows_when() -> None:
    error = name(429, b"", headers={"x-ratelimit-type": "UserByModelByDay"})
    assert isinstance(error, errors.QuotaExhaustedError)
    assert error.reset_at is None


def test_a_concurrency_limit_is_no_quota() -> None:
    message = "Rate limit of 2 per 0s exceeded for UserConcurrentRequests. Please wait 0 seconds before retrying."
    error = name(429, limited(message))
    assert type(error) is errors.RateLimitError
    assert error.facts.concurrency
    assert "2 requests at once" in error.why


def test_a_413_teaches_the_largest_size() -> None:
    error = name(413, github("tokens_limit_reached", "Request body too large for gpt-5 model. Max size: 4000 tokens."))
    assert (error.maximum, error.size, error.unit, error.status) == (4000, None, "tokens", 413)
    assert "4000 tokens" in error.why


def test_sizes_are_read_from_every_dialect() -> None:
    sizes = {(error.maximum, error.size) for error in (name(*row[:3]) for row in SEEN)
             if isinstance(error, errors.RequestTooLargeError)}  # fmt: skip
    assert sizes == {
        (4000, None),
        (None, None),
        (6000, 7000),
        (30000, 40000),
        (8192, 9000),
        (8192, None),
        (4096, 9000),
        (None, 5002),
    }


def test_a_413_of_a_proxy_counts_bytes() -> None:
    assert name(413, b"<html></html>").unit == "bytes"


def test_an_unknown_model_proposes_the_nearest() -> None:
    context = FaultContext(profile_name="github", model="gpt-5-mni", known_models=GITHUB.known_models)
    error = name(404, github("unknown_model", "Unknown model: gpt-5-mni"), context)
    assert error.nearest[0] == "openai/gpt-5-mini"
    assert "Did you mean openai/gpt-5-mini" in error.fix


def test_a_short_name_finds_its_publisher() -> None:
    context = FaultContext(model="GPT-4o", known_models=GITHUB.known_models)
    assert name(404, github("unknown_model", ""), context).nearest[0] == "openai/gpt-4o"


def test_without_a_catalog_nothing_is_proposed() -> None:
    error = name(404, github("unknown_model", ""), FaultContext(model="openai/gpt-9"))
    assert error.nearest == ()
    assert "ghmodels models" in error.fix


def test_a_listed_model_can_be_gone() -> None:
    error = name(400, github("unknown_model", "Unknown model: openai/gpt-5"))
    assert "openai/gpt-5" not in error.nearest
    assert "gone all the same" in error.fix


def test_a_content_filter_names_only_what_triggered() -> None:
    error = name(400, FILTERED)
    assert error.categories == {"violence": "medium", "jailbreak": "detected"}
    assert error.param == "prompt"
    assert "violence (medium), jailbreak (detected)" in error.why


def test_moderation_reasons_are_categories() -> None:
    body = {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence", 3]}}}
    assert name(403, body, ROUTER).categories == {"violence": "flagged"}


def test_max_tokens_is_answered_with_the_field_that_works() -> None:
    body = {"error": {"message": "Unsupported parameter: 'max_tokens' … Use 'max_completion_tokens' instead."}}
    error = name(400, body)
    assert error.param == "max_tokens"
    assert error.fix.startswith("Use max_completion_tokens")


def test_an_unsupported_value_says_which_field_to_leave_out() -> None:
    body = {"error": {"message": "m", "param": "temperature", "code": "unsupported_value"}}
    assert "Leave temperature out" in name(400, body).fix


def test_a_retired_service_says_where_to_go() -> None:
    error = name(410, RETIRED)
    assert "for good" in error.why
    assert "foundry" in error.fix
    assert "temporarily unavailable" not in error.why
    context = FaultContext(profile_name="github", alternatives=("groq", "local"))
    assert name(410, RETIRED, context).alternatives == ("groq", "local")
    assert "groq, local" in name(410, RETIRED, context).fix


@pytest.mark.parametrize(
    ("organization", "enterprise", "page"),
    [
        (None, None, "https://github.com/settings/models"),
        ("acme", None, "https://github.com/organizations/acme/settings/models"),
        ("acme", "corp", "https://github.com/enterprises/corp/settings/models"),
    ],
)
def test_a_policy_names_the_settings_page(organization: str | None, enterprise: str | None, page: str) -> None:
    context = FaultContext(profile_name="github", organization=organization, enterprise=enterprise)
    error = name(403, {"message": "GitHub Models is disabled"}, context)
    assert error.settings_url == page
    assert page in error.fix


KINDS = {
    "github_pat_": ("fine-grained", "Account permissions", "resource owner"),
    "ghp_": ("classic", "`models` scope", "Configure SSO"),
    "gho_": ("OAuth", "gh auth refresh", "authorise the token"),
    "ghu_": ("App user", "App's owner", "authorise the token"),
    "ghs_": ("installation", "permissions: {models: read}", "authorise the token"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_permission_is_explained_for_the_kind_of_token(kind: str) -> None:
    context = FaultContext(profile_name="github", token_kind=kind, token_variable="GH_TOKEN", organization="acme")
    error = name(401, github("unauthorized", "The `models` permission is required to access this endpoint"), context)
    described, grant, sso = KINDS[kind]
    assert described in error.checked
    assert "from GH_TOKEN" in error.checked
    assert grant in error.fix
    assert sso in error.fix
    assert "acme" in error.fix


@pytest.mark.parametrize("kind", KINDS)
def test_a_rejected_token_is_explained_for_its_kind(kind: str) -> None:
    context = FaultContext(profile_name="github", token_kind=kind, token_variable="GH_TOKEN")
    error = name(401, github("unauthorized", "Bad credentials"), context)
    assert kind in error.checked
    assert "GH_TOKEN" in error.fix


def test_an_sso_header_becomes_the_first_step() -> None:
    url = "https://github.com/orgs/acme/sso?authorization_request=abc"
    error = name(403, {"message": "Resource protected by organization SAML enforcement."}, GITHUB,
                 {"x-github-sso": f"required; url={url}"})  # fmt: skip
    assert isinstance(error, errors.TokenPermissionError)
    assert url in error.fix.splitlines()[0]


def test_a_403_that_is_a_rate_limit_is_read_as_one() -> None:
    error = name(403, {"message": "API rate limit exceeded"}, GITHUB, {"x-ratelimit-remaining": "0",
                 "x-ratelimit-reset": "1795348830"})  # fmt: skip
    assert isinstance(error, errors.RateLimitError)
    assert error.retry_after == 30


def test_a_budget_names_the_billing_page() -> None:
    assert "https://github.com/settings/billing" in name(403, BUDGET).fix
    context = FaultContext(profile_name="github", organization="acme")
    assert "organizations/acme/settings/billing" in name(403, BUDGET, context).fix
    assert "OpenRouter's billing page" in name(402, b"", ROUTER).fix


def test_other_services_get_no_advice_about_github() -> None:
    for status, body in ((401, {"detail": "no"}), (403, {"detail": "no"}), (410, b""), (400, FILTERED)):
        assert "github" not in str(name(status, body, GROQ)).lower().replace("githubmodels(", "")


def test_an_organisation_path_that_is_not_there_is_explained() -> None:
    context = FaultContext(profile_name="github", organization="acme")
    assert "member of acme" in name(404, {"message": "Not Found"}, context).fix


def test_what_was_checked_lists_everything_but_secrets() -> None:
    context = FaultContext(
        **{**{f: getattr(GITHUB, f) for f in GITHUB.__slots__}, "organization": "o", "enterprise": "e"}
    )
    error = name(401, github("unauthorized", "Bad credentials"), context, {"x-github-request-id": "AB:12"})
    assert error.checked.splitlines() == [
        "answer: HTTP 401, code unauthorized",
        "endpoint: https://models.github.ai/inference/chat/completions",
        "model: openai/gpt-5",
        "token: fine-grained personal access token (github_pat_…) from GITHUB_TOKEN",
        "organisation: o",
        "enterprise: e",
        "request id: AB:12",
    ]


def test_an_error_inside_a_200_keeps_both_statuses_apart() -> None:
    error = from_error_object({"code": 429, "message": "slow"}, {}, ROUTER)
    assert error.status == 429
    assert "HTTP 200 with an error of status 429 inside" in error.checked


def test_an_error_object_of_a_stream_is_named_like_an_answer() -> None:
    assert isinstance(from_error_object(FILTERED["error"], {}, GITHUB), errors.ContentFilterError)
    assert isinstance(
        from_error_object({"message": "overloaded", "type": "overloaded_error"}, {}, ROUTER), errors.ServerError
    )
    assert isinstance(from_error_object("Internal server error", {}, ROUTER), errors.ServerError)
    assert isinstance(from_error_object(None, {}, ROUTER), errors.ServerError)


def test_html_is_blamed_on_whatever_is_in_between() -> None:
    assert (
        "HTML page" in name(502, b"<html><title>Bad Gateway</title></html>", headers={"content-type": "text/html"}).why
    )
    assert "an HTML page" in name(200, b"<html></html>").why
    assert "proxy or firewall" in name(403, b"<html></html>").fix


def test_the_code_in_a_header_counts_when_the_body_has_none() -> None:
    assert isinstance(name(400, b"", headers={"x-ms-error-code": "RateLimitReached"}), errors.RateLimitError)


def test_a_prompt_quoted_in_a_body_stays_out_of_message_and_repr() -> None:
    error = name(422, {"detail": [{"msg": "value is too long", "input": "MY SECRET PROMPT", "loc": ["body"]}]})
    assert "SECRET" not in str(error) + repr(error)
    assert "value is too long" in str(error)
