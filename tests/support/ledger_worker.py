"""A process that uses a ledger file, for tests that stop and kill it. One line on stdout per thing done."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ghmodels_async.clock import Clock
from ghmodels_async.limits.ledger import Reserved, SlotWant, SqliteLedger, Want


def say(*words: object) -> None:
    print(*words, flush=True)


async def spend_a_day(ledger: SqliteLedger, order: dict[str, Any]) -> None:
    """Reserve, then "send" (say so), as fast as the file allows, several at a time."""
    want = Want("m|day", 1, order["maximum"], 86400.0)

    async def one_after_the_other() -> None:
        while True:
            id = ledger.new_id()
            if not isinstance(await ledger.reserve(id, [want]), Reserved):
                return
            say("sent", id)
            ledger.sent(id, time.time())

    await asyncio.gather(*(one_after_the_other() for _ in range(order["inflight"])))
    say("exhausted")


async def share_a_window(ledger: SqliteLedger, order: dict[str, Any]) -> None:
    """Send whenever the ledger allows, until the time is over; hold a slot for a moment each time."""
    want = Want("m|window", 1, order["maximum"], order["window"], order["margin"])
    slot = SlotWant("m|slots", order["slots"])
    stop = time.monotonic() + order["seconds"]

    async def one_after_the_other() -> None:
        while time.monotonic() < stop:
            id = ledger.new_id()
            answer = await ledger.reserve(id, [want], [slot])
            if isinstance(answer, Reserved):
                # In this order a pause between two lines can only make the test's own record milder than the ledger's.
                at = time.monotonic()
                ledger.sent(id, time.time())
                say("sent", f"{at:.6f}")
                await asyncio.sleep(order["hold"])
                end = time.monotonic()
                ledger.settle(id)
                say("over", f"{at:.6f}", f"{end:.6f}")
            else:
                wait = answer.until - time.time()
                await asyncio.sleep(min(wait, stop - time.monotonic()) if answer.firm else min(wait, 0.005))

    await asyncio.gather(*(one_after_the_other() for _ in range(order["inflight"])))
    say("calls over")


async def hold_slots(ledger: SqliteLedger, order: dict[str, Any]) -> None:
    """Take some slots and keep them until killed."""
    for n in range(order["count"]):
        answer = await ledger.reserve(f"held-{n}", [], [SlotWant("m|slots", order["slots"])])
        say(type(answer).__name__)
        ledger.sent(f"held-{n}", time.time())
    while True:
        await asyncio.sleep(0.05)
        say("alive")


async def just_open(ledger: SqliteLedger, order: dict[str, Any]) -> None:
    answer = await ledger.reserve(ledger.new_id(), [Want("m|day", 1, 100, 86400.0)])
    say(type(answer).__name__)


async def meet_new_files(ledger: SqliteLedger, order: dict[str, Any]) -> None:
    """Open a file that nobody has opened before at the same instant as everybody else, several times."""
    for number in range(order["rounds"]):
        new = SqliteLedger(Path(order["path"]).with_name(f"new-{number}.sqlite3"), Clock(), shared=True)
        await asyncio.sleep(order["start"] + 0.1 * number - 0.01 - time.time())
        while time.time() < order["start"] + 0.1 * number:
            pass
        await new.open()
        await just_open(new, order)
        await new.aclose()


VERBS: dict[str, Callable[[SqliteLedger, dict[str, Any]], Awaitable[None]]] = {
    "spend_a_day": spend_a_day,
    "share_a_window": share_a_window,
    "hold_slots": hold_slots,
    "just_open": just_open,
    "meet_new_files": meet_new_files,
}


async def main(verb: str, order: dict[str, Any]) -> None:
    ledger = SqliteLedger(
        Path(order["path"]), Clock(), shared=order.get("shared", False), lease=order.get("lease", 30.0)
    )
    opened = await ledger.open()
    say("open", len(opened.grants), opened.complete)
    await VERBS[verb](ledger, order)
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
