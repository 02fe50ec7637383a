"""What every profile promises, against a service that speaks its dialect: refusals named, vectors, lists, routes."""

import pytest
from simulated import connect

from ghmodels_async import RetryPolicy, profiles
from ghmodels_async import errors as e
from ghmodels_async.simulator import Fault, Simulation

CHAT = {
    "openrouter": "qwen/qwen3:free",
    "google": "gemini-2.5-flash",
    "groq": "openai/gpt-oss-120b",
    "cerebras": "gpt-oss-120b",
    "mistral": "mistral-small-latest",
    "nvidia": "meta/llama-3.1-8b-instruct",
    "openai": "gpt-4o-mini",
    "local": "llama3.2",
    "foundry": "my-deployment",
}
ATTRIBUTING = {"github"}
ONCE = RetryPolicy(attempts=1, rate_limited=False)


def model_of(name):
    return CHAT.get(name, "openai/gpt-4o-mini")


def minute_of(name):
    """Requests a minute on the profile's first plan; None where no such limit is known."""
    profile = profiles.load(name)
    rates = profile.quota_of(model_of(name), profile.plans[0]).rates
    return min((rate.amount for rate in rates if (rate.window, rate.unit) == (60, "requests")), default=None)


ALL = pytest.mark.parametrize("name", profiles.names())
WITH_A_KEY = pytest.mark.parametrize("name", [n for n in profiles.names() if profiles.load(n).auth.required])
WITH_A_MINUTE = pytest.mark.parametrize("name", [n for n in profiles.names() if minute_of(n)])


@pytest.fixture
def service(name, clock):
    return Simulation(name, clock=clock, fast=True, seed=3, record=True)


@pytest.fixture
async def gh(service, clock):
    async with connect(service, clock, token="KEY") as client:
        yield client


@WITH_A_KEY
async def test_a_rejected_key_is_named_with_the_variable_to_correct(name, service, clock):
    async with connect(service, clock, token="expired-key") as gh:
        with pytest.raises(e.TokenInvalidError) as caught:
            await gh.chat(model_of(name), "hi")
    assert service.profile.title in str(caught.value)
    assert "expired-key" not in str(caught.value)


@ALL
async def test_a_model_that_does_not_exist_is_named(name, gh):
    with pytest.raises(e.ModelNotFoundError):
        await gh.chat("any/no-such-model", "hi")


@WITH_A_MINUTE
async def test_its_own_429_is_understood_and_waited_out(name, service, clock):
    """Another program has spent the minute: the service refuses in its own words, the client waits as told."""
    amount = minute_of(name)
    async with connect(service, clock, token="KEY", account="another program") as other:
        for _ in range(amount):
            await other.chat(model_of(name), "hi")
    began = clock.now()
    async with connect(service, clock, token="KEY", account="this program") as gh:
        reply = await gh.chat(model_of(name), "hi")
    assert reply.meta.attempts == 2
    assert 30 < clock.now() - began < 125
    assert service.log.statuses == {200: amount + 1, 429: 1}


@ALL
async def test_a_429_that_is_not_waited_for_carries_its_facts(name, service, gh):
    service.script([Fault.rate_limited(amount=7, window=60, wait=31)])
    with pytest.raises(e.RateLimitError) as caught:
        await gh.chat(model_of(name), "hi", retry=ONCE)
    assert caught.value.status == 429
    assert caught.value.retry_after == pytest.approx(31, abs=1)


@ALL
async def test_texts_become_vectors(name, service, gh):
    vectors = await gh.embed("text-embedding-3-small", ["one", "two"], dimensions=8, array=False)
    assert [len(vector) for vector in vectors] == [8, 8]
    (arrival,) = service.log
    assert arrival.path.endswith("/embeddings")
    assert arrival.body["model"] == service.profile.wire_model("text-embedding-3-small")


@ALL
async def test_its_models_are_listed_from_where_it_lists_them(name, service, gh):
    cards = await gh.models()
    assert all(card.id for card in cards)
    if service.profile.catalog_url:
        assert cards
        assert service.log.total == 1


@ALL
async def test_whole_and_streamed_replies_are_the_same(name, gh):
    whole = await gh.chat(model_of(name), "Name three rivers.", seed=1)
    streamed = await gh.stream(model_of(name), "Name three rivers.", seed=1).final()
    assert whole.text == streamed.text
    assert whole.finish_reason == streamed.finish_reason == "stop"


@ALL
async def test_an_error_object_inside_a_200_is_an_error(name, service, gh):
    service.script([Fault.answers(200, {"error": {"code": 503, "message": "Provider returned error"}})])
    with pytest.raises(e.APIError):
        await gh.chat(model_of(name), "hi", retry=ONCE)


@ALL
async def test_attribution_has_a_route_or_is_refused_at_once(name, service, clock):
    if name in ATTRIBUTING:
        async with connect(service, clock, token="KEY", organization="my-org") as gh:
            await gh.chat(model_of(name), "hi")
        assert service.log[0].path == "/orgs/my-org/inference/chat/completions"
    else:
        with pytest.raises(e.ConfigurationError, match="cannot attribute"):
            connect(service, clock, token="KEY", organization="my-org")
        assert service.log.total == 0


@ALL
def test_a_profile_names_its_source_and_the_day_it_was_read(name):
    profile = profiles.load(name)
    assert profile.source
    assert len(profile.date.split("-")) == 3
