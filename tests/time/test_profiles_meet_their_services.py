"""Every shipped profile against a simulated service that speaks its dialect: what travels, and nobody is refused."""

import json

import pytest
from simulated import connect

from ghmodels_async import profiles
from ghmodels_async.errors import QuotaExhaustedError
from ghmodels_async.simulator import Simulation

MODELS = {
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
#: What a day of the first plan allows, where it is less than the 45 requests asked below.
DAILY = {"google": 20}

EXPECTED = {
    # profile: (header with the key, value, id that travels, name of the ceiling, usage asked for)
    "github": ("Authorization", "Bearer KEY", "openai/gpt-4o-mini", "max_tokens", True),
    "github-legacy": ("Authorization", "Bearer KEY", "gpt-4o-mini", "max_tokens", True),
    "foundry": ("api-key", "KEY", "my-deployment", "max_tokens", True),
    "openrouter": ("Authorization", "Bearer KEY", "qwen/qwen3:free", "max_tokens", True),
    "google": ("Authorization", "Bearer KEY", "gemini-2.5-flash", "max_tokens", True),
    "groq": ("Authorization", "Bearer KEY", "openai/gpt-oss-120b", "max_tokens", True),
    "cerebras": ("Authorization", "Bearer KEY", "gpt-oss-120b", "max_completion_tokens", True),
    "mistral": ("Authorization", "Bearer KEY", "mistral-small-latest", "max_tokens", False),
    "nvidia": ("Authorization", "Bearer KEY", "meta/llama-3.1-8b-instruct", "max_tokens", True),
    "openai": ("Authorization", "Bearer KEY", "gpt-4o-mini", "max_completion_tokens", True),
    "local": ("Authorization", "Bearer KEY", "llama3.2", "max_tokens", True),
}


class Tapped:
    """The memory door, with every request that went through it."""

    def __init__(self, door):
        self._door = door
        self.requests = []

    async def send(self, request, *, timeouts, on_sent=None):
        self.requests.append(request)
        return await self._door.send(request, timeouts=timeouts, on_sent=on_sent)

    async def aclose(self):
        await self._door.aclose()


def service_of(name, clock, **more):
    profile = profiles.load(name)
    return Simulation(profile, plan=profile.plans[0], clock=clock, fast=True, seed=3, **more)


def model_of(name):
    return MODELS.get(name, "openai/gpt-4o-mini")


@pytest.mark.parametrize("name", profiles.names())
async def test_what_travels_is_what_the_service_wants(name, clock):
    service = service_of(name, clock)
    client = connect(service, clock, token="KEY")
    tapped = client._wiring._transport = Tapped(client._wiring._transport)
    async with client as gh, gh.stream(model_of(name), "Hello!", max_tokens=50, stop="END") as stream:
        async for _ in stream:
            pass
    header, value, model, ceiling, usage = EXPECTED[name]
    (request,) = tapped.requests
    body = json.loads(request.body)
    assert request.headers[header] == value
    assert sum("KEY" in text for text in request.headers.values()) == 1, "the key travels once"
    assert body["model"] == model
    assert body["stop"] == ["END"]
    assert (ceiling in body, body["stream"]) == (True, True)
    assert ("stream_options" in body) is usage
    assert (stream.reply.usage is not None) >= usage


async def test_a_local_server_is_asked_without_a_key(clock):
    client = connect(service_of("local", clock), clock, token=None)
    tapped = client._wiring._transport = Tapped(client._wiring._transport)
    async with client as gh:
        await gh.chat("llama3.2", "Hello!")
    assert not {"authorization", "api-key"} & {name.lower() for name in tapped.requests[0].headers}


@pytest.mark.parametrize("name", profiles.names())
async def test_a_full_queue_is_never_refused(name, clock):
    service = service_of(name, clock)
    count = min(45, DAILY.get(name, 45))
    async with connect(service, clock, token="KEY") as gh:
        outcomes = [outcome async for outcome in gh.map([f"question {n}" for n in range(count)], model=model_of(name))]
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert service.log.statuses == {200: count}


async def test_what_a_day_does_not_hold_is_said_before_it_is_sent(clock):
    service = service_of("google", clock)
    async with connect(service, clock, token="KEY") as gh:
        run = gh.map([f"question {n}" for n in range(21)], model="gemini-2.5-flash", on_exhausted="raise")
        outcomes = [outcome async for outcome in run]
    failed = [outcome.error for outcome in outcomes if outcome.error]
    assert [type(error) for error in failed] == [QuotaExhaustedError]
    assert service.log.statuses == {200: 20}
