import asyncio
import time

from virtual_time import EPOCH, run_virtual, virtual_clock

from ghmodels_async.clock import Clock


async def test_a_virtual_day_passes_at_once(clock: Clock) -> None:
    began = time.perf_counter()
    before = clock.now()
    await clock.sleep(86_400)
    assert 86_400 <= clock.now() - before < 86_400.01
    assert abs(clock.wall() - EPOCH - clock.now()) < 1e-6
    assert time.perf_counter() - began < 5


async def test_time_stands_still_while_a_thread_works() -> None:
    loop = asyncio.get_running_loop()
    ticker = loop.call_later(1000, lambda: None)
    before = loop.time()
    await loop.run_in_executor(None, time.sleep, 0.01)
    assert loop.time() - before < 1
    ticker.cancel()


def test_a_scaled_clock_counts_nominal_seconds() -> None:
    async def main() -> tuple[float, float, float]:
        clock = virtual_clock()
        fast = Clock(60, wall=clock.wall)
        before, wall = fast.now(), fast.wall()
        await fast.sleep(120)
        return fast.now() - before, fast.wall() - wall, clock.now()

    nominal, wall, real = run_virtual(main())
    assert abs(nominal - 120) < 0.01
    assert abs(wall - 120) < 0.01
    assert abs(real - 2) < 0.001
