"""Whose number a context limit is: that of the endpoint in use, or of nobody."""

from __future__ import annotations

from simulated import LOW, TOKEN, connect

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.profiles import load
from ghmodels_async.simulator import Fault, Simulation


def client(profile: str, **options: object) -> GitHubModels:
    return GitHubModels("key-of-nobody", profile=profile, ledger="memory", **options)  # type: ignore[arg-type]


async def test_a_profile_with_a_catalog_answers_from_it() -> None:
    limit = GitHubModels(TOKEN, ledger="memory").context_limit("openai/gpt-4o")
    assert limit.value == 131_072
    assert limit.source.startswith("github-models catalog")


async def test_a_profile_without_a_catalog_does_not_speak_of_githubs_models() -> None:
    for profile in ("groq", "mistral", "openai", "openrouter", "google"):
        limit = client(profile).context_limit("openai/gpt-4o")
        assert limit.value is None
        assert limit.source.startswith("not known")
        assert load(profile).title in limit.source
        assert "github" not in limit.source.lower()


async def test_a_profile_that_limits_a_requests_size_answers_with_that(tmp_path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "small"\ntitle = "Small"\nbase_url = "https://small.example/v1"\nplans = ["free", "paid"]\n'
        'source = "its page"\ndate = "2026-11-22"\ndefault_row = "all"\n'
        "[limits.all]\nrequests_per_minute = [5, 50]\ntokens_in = [4000, 16000]\n"
    )
    assert client(str(path)).context_limit("m").value == 4000
    paid = client(str(path), plan="paid").context_limit("m")
    assert paid.value == 16_000
    assert "plan paid" in paid.source and "one request" in paid.source


async def test_the_endpoints_own_catalog_counts_once_it_was_read(clock: Clock) -> None:
    simulation = Simulation(clock=clock, profile="openrouter")
    rows = [
        {"id": "vendor/long", "context_length": 262_144},
        {"id": "vendor/window", "context_window": 131_072},
        {"id": "vendor/silent"},
    ]
    simulation.script(Fault.answers(200, {"data": rows}), when=lambda arrival: arrival.kind in ("catalog", "models"))
    async with connect(simulation, clock, token="key") as gh:
        assert gh.context_limit("vendor/long").value is None
        await gh.models()
        assert gh.context_limit("vendor/long") == (262_144, f"the live catalog of {gh.profile.title}")
        assert gh.context_limit("vendor/window").value == 131_072
        assert gh.context_limit("vendor/silent").value is None


async def test_a_snapshot_that_answered_for_the_service_is_still_the_snapshot(clock: Clock) -> None:
    simulation = Simulation(clock=clock)
    simulation.script(Fault.server_error(503), when=lambda arrival: arrival.kind in ("catalog", "models"))
    async with connect(simulation, clock) as gh:
        await gh.models()
        assert gh.context_limit("openai/gpt-4o").source.startswith("github-models catalog")


async def test_a_talk_without_a_known_limit_is_sent_whole(clock: Clock) -> None:
    simulation = Simulation(clock=clock, profile="openai", fast=True)
    async with connect(simulation, clock, token="key") as gh:
        talk = gh.conversation("gpt-4.1-mini")
        assert gh.context_limit("gpt-4.1-mini").value is None
        await talk.send("hello")
        await talk.send("again")
        assert talk.left_out == 0


async def test_a_talk_is_still_held_to_the_plans_cap(clock: Clock) -> None:
    async with connect(Simulation(clock=clock, fast=True), clock) as gh:
        talk = gh.conversation(LOW)
        for _ in range(3):
            await talk.send("word " * 4000)
        assert talk.left_out > 0
