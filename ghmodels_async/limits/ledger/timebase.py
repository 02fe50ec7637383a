"""Which time a ledger's rows are in, and what happens when the wall clock is set.

Rows hold wall time, because only wall time means something to the next boot and to another process. But quotas run on
elapsed time: a wall clock set two hours ahead would free two hours of grants. So every transaction stores a pair, wall
and *steady* time (time since boot, suspend included; no setting moves it), and the next one compares:

1. same base (boot and scale), both steady: the wall clock was set iff the two disagree on what elapsed by more than
   `TOLERANCE`. All rows move by the disagreement, which is exact in both directions.
2. otherwise (rebooted, or no steady clock): a wall clock before the last reading was set back by at least that much.
   All rows move back by it, as if no time had passed: safe, and nothing is blocked for longer than its window.
   A wall clock ahead cannot be told from a machine that was off; it is believed.

Source: clock_gettime(2), CLOCK_BOOTTIME; proc_sys_kernel(5), random/boot_id; time_namespaces(7).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...clock import Clock
from .port import Opened, Want

__all__ = ["TOLERANCE", "Reading", "clock_reader", "opened_at", "step_between", "wants_at"]

TOLERANCE = 2.0
"""Seconds two clocks may disagree: NTP slews by 0.5 ms/s, and a reading may be a scheduling pause old."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one instant, nominal seconds. `steady` None: there is no comparable one."""

    base: str
    wall: float
    steady: float | None


def step_between(before: Reading | None, now: Reading) -> float:
    """Seconds by which the wall clock was set between two readings; rows move by this."""
    if before is None:
        return 0.0
    if before.base == now.base and before.steady is not None and now.steady is not None:
        step = (now.wall - before.wall) - (now.steady - before.steady)
        return step if abs(step) > TOLERANCE else 0.0
    back = now.wall - before.wall
    return back if back < -TOLERANCE else 0.0


def wants_at(wants: Sequence[Want], offset: float) -> Sequence[Want]:
    """The same wants on a time axis that is `offset` ahead."""
    if not offset:
        return wants
    return [
        replace(want, period=(want.period[0] + offset, want.period[1] + offset)) if want.period else want
        for want in wants
    ]


def opened_at(opened: Opened, offset: float) -> Opened:
    """The same contents on a time axis that is `offset` ahead."""
    if not offset:
        return opened
    return replace(
        opened,
        grants=tuple(replace(grant, at=grant.at + offset) for grant in opened.grants),
        blocks=tuple(replace(block, until=block.until + offset) for block in opened.blocks),
        learned=tuple(replace(lesson, at=lesson.at + offset) for lesson in opened.learned),
    )


def clock_reader(clock: Clock, loop_time: float) -> Callable[[], Reading]:
    """How to read both clocks, from any thread.

    Args:
        clock: Wall time and scale.
        loop_time: What the running event loop says now; if it is not the system's monotonic time, time is virtual and
            there is no steady clock to compare with.
    """
    if abs(loop_time - time.monotonic()) > 1.0:
        virtual = f"loop-{secrets.token_hex(8)}"
        return lambda: Reading(virtual, clock.wall(), None)
    base = _base_of_this_process(clock.scale)
    return lambda: Reading(base, clock.wall(), _steady_seconds() * clock.scale)


def _steady_seconds() -> float:
    """Real seconds since boot, suspend included where the system can tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    # macOS: CLOCK_MONOTONIC counts sleep, time.monotonic() does not. Linux: the other way round without BOOTTIME.
    return time.clock_gettime(getattr(time, "CLOCK_MONOTONIC", 1) if boottime is None else boottime)


_process = f"process-{secrets.token_hex(8)}"


def _base_of_this_process(scale: float = 1.0) -> str:
    """What steady readings must share to be comparable: one boot, one time namespace, one scale.

    Where a boot has no name, only readings of this very process are comparable.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{_process} x{scale:g}"
    try:
        boot += " " + str(Path("/proc/self/ns/time").readlink())
    except OSError:
        pass
    return f"{boot} x{scale:g}"
