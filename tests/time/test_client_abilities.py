"""The client's own methods for tools, typed answers and talks: short ways to what has tests of its own."""

from typing import Any

import pytest
from pydantic import BaseModel
from simulated import LOW, connect

from ghmodels_async import Clock, GitHubModels, content
from ghmodels_async.errors import ContentError, RequestTooLargeError
from ghmodels_async.simulator import Fault, Simulation


class City(BaseModel):
    name: str


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


@pytest.fixture
def simulation(clock: Clock) -> Simulation:
    return Simulation(clock=clock, seed=5, record=True)


@pytest.fixture
async def gh(simulation: Simulation, clock: Clock) -> Any:
    async with connect(simulation, clock) as client:
        yield client


async def test_tools_whole_and_streamed(gh: GitHubModels) -> None:
    run = await gh.run_tools(LOW, "Weather in Oslo?", tools=[get_weather], max_rounds=3)
    assert run.calls[0].content == "sunny in Oslo"
    async with gh.stream_tools(LOW, "Weather in Oslo?", tools=[get_weather]) as steps:
        assert (await steps.final()).text == run.text


async def test_typed_answers_whole_and_streamed(gh: GitHubModels) -> None:
    assert (await gh.parse(LOW, "A city: Oslo", City, reask=1)).name == "Oslo"
    assert (await gh.stream_parse(LOW, "A city: Oslo", City).final()).name == "Oslo"


async def test_a_talk_knows_the_plans_cap_on_one_request(gh: GitHubModels, simulation: Simulation) -> None:
    talk = gh.conversation(LOW, system="Be brief.", temperature=0.1)
    for number in range(4):
        await talk.send(f"{number}: " + "many words " * 1_000)
    assert talk.left_out > 0, "the free plan takes 8,000 tokens a request, whatever the model's context"
    assert {arrival.status for arrival in simulation.log} == {200}
    assert len(talk.messages) == 9
    with pytest.raises(RequestTooLargeError):
        await talk.send("many words " * 20_000)
    assert len(talk.messages) == 9


async def test_a_talk_may_have_a_cap_of_its_own(gh: GitHubModels) -> None:
    talk = gh.conversation(LOW, input_limit=100)
    await talk.send("x" * 400)
    await talk.send("y")
    assert talk.left_out == 2


async def test_pictures_reach_a_model_that_takes_them(gh: GitHubModels) -> None:
    picture = content.image(b"\x89PNG\r\n\x1a\n" + bytes(8))
    assert (await gh.chat("openai/gpt-4o", [content.user("What is this?", picture)])).text


async def test_pictures_are_kept_from_a_model_that_does_not_take_them(gh: GitHubModels, simulation: Simulation) -> None:
    question = content.user("What is this?", content.image("https://example.com/cat.png"))
    with pytest.raises(ContentError, match="takes no image"):
        await gh.chat("microsoft/phi-4", [question])
    with pytest.raises(ContentError, match="takes no image"):
        gh.stream("microsoft/phi-4", [question])
    assert simulation.log.total == 0


async def test_the_openai_face_is_the_same_client(gh: GitHubModels) -> None:
    client = gh.as_openai(timeout=100)
    completion = await client.chat.completions.create(model=LOW, messages=[{"role": "user", "content": "hi"}])
    assert completion.choices[0].message.content
    assert gh.usage.attempts == 1


async def test_the_openai_face_waits_a_429_out(gh: GitHubModels, simulation: Simulation, clock: Clock) -> None:
    limited = {"error": {"code": "RateLimitReached", "message": "Please wait 40 seconds before retrying."}}
    simulation.script(Fault.answers(429, limited, {"retry-after": "40"}), when=lambda arrival: True, times=1)
    began = clock.now()
    completion = await gh.as_openai().chat.completions.create(model=LOW, messages=[{"role": "user", "content": "hi"}])
    assert completion.choices[0].message.content
    assert clock.now() - began >= 40
    assert [arrival.status for arrival in simulation.log] == [429, 200]


async def test_a_restored_talk_keeps_to_the_plans_cap_too(gh: GitHubModels, simulation: Simulation) -> None:
    talk = gh.conversation(LOW, system="Be brief.")
    for n in range(5):
        await talk.send(f"{n} " + "word " * 2_000)
    again = gh.restore(talk.to_dict())
    assert again.messages == talk.messages
    await again.send("and now?")
    assert again.left_out > 0
    assert simulation.log.statuses[413] == 0
