"""One client and the event loops it meets: one after the other is fine, two at once are refused with words."""

import asyncio
import warnings

import pytest
from simulated import LOW, TOKEN

from ghmodels_async import ChatReply, GitHubModels
from ghmodels_async.simulator import Simulation


def test_successive_runs_share_one_client_its_limits_and_its_ledger() -> None:
    simulation = Simulation(fast=True)

    async def ask(gh: GitHubModels | None, n: int) -> tuple[GitHubModels, ChatReply, dict[str, int]]:
        async with simulation.serve(port=port) as server:
            gh = gh or GitHubModels(TOKEN, base_url=server.base_url)
            reply = await gh.chat(LOW, f"{n}")
            streamed = await gh.stream(LOW, f"{n}").final()
            assert streamed.text
            return gh, reply, {state.limit: state.used for state in gh.limits.explain(LOW)}

    async def free_port() -> int:
        async with simulation.serve() as server:
            return int(server.url.rpartition(":")[2])

    port = asyncio.run(free_port())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gh = None
        for n in range(3):
            gh, reply, used = asyncio.run(ask(gh, n))
            assert reply.text
            assert used["UserByModelByMinute"] == used["UserByModelByDay"] == 2 * (n + 1)
        assert gh is not None
        asyncio.run(gh.aclose())


def test_a_second_live_loop_is_refused_with_words_and_the_first_goes_on() -> None:
    refusals: list[BaseException] = []

    async def main() -> None:
        simulation = Simulation(fast=True)
        async with (
            simulation.serve() as server,
            GitHubModels(TOKEN, base_url=server.base_url, ledger="memory") as gh,
        ):
            await gh.chat(LOW, "first")

            def elsewhere() -> None:
                try:
                    asyncio.run(gh.chat(LOW, "from another loop"))
                except BaseException as error:
                    refusals.append(error)

            await asyncio.to_thread(elsewhere)
            assert (await gh.chat(LOW, "second")).text
            assert simulation.log.total == 2
            assert len(gh._wiring.calls) == 0
            assert {s.used for s in gh.limits.explain(LOW) if s.limit == "UserByModelByMinute"} == {2}

    asyncio.run(main())
    (error,) = refusals
    assert isinstance(error, RuntimeError)
    with pytest.raises(RuntimeError, match="another event loop that is still open"):
        raise error
