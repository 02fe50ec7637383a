"""The terms of one call: how long each phase may take, how stubborn to be, how urgent it is.

Defaults are the dataclass defaults below; docs/defaults.md shows them with their reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import get_args

from .errors import ConfigurationError
from .limits import OnExhausted, Priority
from .stream import StreamTimeouts
from .transport import RetryPolicy
from .wire import CallOptions, PhaseSeconds

__all__ = ["Terms", "Timeouts"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Nominal seconds each phase of a call may take; None means no limit.

    Attributes:
        queue: Waiting for quota. No limit: a batch waits for hours by design; a backend sets its own.
        connect: Name look-up, TCP and TLS. 10: twice what the openai and anthropic clients allow.
        head: From sending to the response head; for a whole reply this includes generating it. 300: half of the
            openai client's 600, above the longest answers seen under load.
        first_delta: From the head of a stream to its first content. Comments and role chunks are not content. 120.
        stall: From one chunk to the next; only waiting on the socket counts. 60: Azure closes idle streams later.
        total: The whole call, waiting included; the same as `deadline`. No hidden limit: aiohttp's own 300 s cut
            long streams.
    """

    queue: float | None = None
    connect: float | None = 10.0
    head: float | None = 300.0
    first_delta: float | None = 120.0
    stall: float | None = 60.0
    total: float | None = None

    def __post_init__(self) -> None:
        for phase in fields(self):
            _check_seconds(f"timeouts.{phase.name}", getattr(self, phase.name))

    @classmethod
    def of(
        cls, given: Timeouts | PhaseSeconds | Mapping[str, float | None] | None, base: Timeouts | None = None
    ) -> Timeouts:
        """Lay what was given over `base` (the defaults).

        Raises:
            ConfigurationError: An unknown phase, or a value that is not positive.
        """
        if isinstance(given, Timeouts):
            return given
        start = base or cls()
        if not given:
            return start
        phases = tuple(phase.name for phase in fields(cls))
        wrong = [name for name in given if name not in phases] if isinstance(given, Mapping) else [given]
        if wrong:
            raise ConfigurationError(
                f"timeouts must be seconds per phase; {wrong[0]!r} is no phase.",
                checked=f"phases: {', '.join(phases)}",
                fix="Write for example timeouts={'stall': 30}; for the whole call there is deadline=",
            )
        return replace(start, **given)


@dataclass(frozen=True, slots=True)
class Terms:
    """What steers one call and never travels.

    Attributes:
        timeouts: Limits of the phases.
        retry: Which failures are tried again, and how often.
        priority: Class in the gate's queue.
        deadline: Nominal seconds the whole call may take; refused at once if the quota opens later.
        on_exhausted: Whether a used-up daily quota raises or waits.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    priority: Priority = "default"
    deadline: float | None = None
    on_exhausted: OnExhausted = "raise"

    def __post_init__(self) -> None:
        if not isinstance(self.retry, RetryPolicy):
            raise ConfigurationError(
                f"retry must be a RetryPolicy, not {self.retry!r}.",
                checked="retry of the client or the call",
                fix="Give RetryPolicy(attempts=4) for three retries, RetryPolicy(attempts=1) for none",
            )

    def with_options(self, options: CallOptions, retry: RetryPolicy | None = None) -> Terms:
        """These terms with one call's own options laid over them.

        Raises:
            ConfigurationError: A deadline or timeout that is not positive, a word that is none of an option's. Nothing
                was sent.
        """
        if retry is None and _STEERING.isdisjoint(options):
            return self
        timeouts = Timeouts.of(options.get("timeouts"), self.timeouts)
        deadline = options.get("deadline", self.deadline)
        _check_seconds("deadline", deadline)
        priority, on_exhausted = options.get("priority", self.priority), options.get("on_exhausted", self.on_exhausted)
        for name, value, words in (("priority", priority, _PRIORITIES), ("on_exhausted", on_exhausted, _ENDS)):
            if value not in words:
                raise ConfigurationError(
                    f"{name} must be one of {', '.join(words)}, not {value!r}.",
                    checked=f"{name} of the call",
                    fix="Give one of these words, or leave it out",
                )
        return Terms(timeouts, self.retry if retry is None else retry, priority, deadline, on_exhausted)

    @property
    def whole_call(self) -> float | None:
        """Nominal seconds the whole call may take: `deadline`, or else `timeouts.total`."""
        return self.timeouts.total if self.deadline is None else self.deadline

    @property
    def attempts(self) -> RetryPolicy:
        """The retry policy, which waits for a used-up quota if the call does."""
        waits = self.on_exhausted == "wait"
        return self.retry if self.retry.exhausted == waits else _turned(self.retry, waits)

    def of_stream(self) -> StreamTimeouts:
        """The phases a stream is in charge of."""
        return StreamTimeouts(first_delta=self.timeouts.first_delta, stall=self.timeouts.stall, total=self.whole_call)


def _check_seconds(name: str, seconds: object) -> None:
    if seconds is None or (isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0):
        return
    raise ConfigurationError(
        f"{name} must be greater than 0, not {seconds!r}.",
        checked=f"{name} of the client or the call",
        fix="Give seconds, or None for no limit",
    )


@lru_cache(maxsize=64)
def _turned(retry: RetryPolicy, waits: bool) -> RetryPolicy:
    """The policy with another answer to a used-up quota: made once for all rows of a batch."""
    return replace(retry, exhausted=waits)


_STEERING = frozenset(CallOptions.__annotations__)
_PRIORITIES: tuple[str, ...] = get_args(Priority)
_ENDS: tuple[str, ...] = get_args(OnExhausted)
