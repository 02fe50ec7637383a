"""Every limit as people ask about it: how much is used, what is left, when it opens, where the number comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .lane import Lane
from .slots import Slots
from .timeline import TimeLine
from .window import NEVER, RateLog

__all__ = ["LimitState", "states"]


@dataclass(frozen=True, slots=True)
class LimitState:
    """One limit at one moment.

    Attributes:
        limit: The server's name of it, e.g. ``UserByModelByDay``; "concurrent", "tokens_in", "tokens_out" for sizes.
        scope: "model" or "account".
        model: Whose it is; None for the account's.
        unit: "requests", "tokens", "input_tokens", "in flight" or "tokens per request".
        amount: How many per `window`.
        window: Seconds; None for what has no window.
        used: How many count now.
        left: How many could go now: 0 while blocked.
        next_free_at: When one more could go; None: now, or unknown (a reply must end first).
        blocked_until: Until when an answer of the server keeps us from it; None if it does not.
        resets_at: When nothing counts any more; None if nothing does.
        source: Where `amount` comes from: the table and its date, "user", "learned ..." from an answer; then,
            after a semicolon, why less of it is used, if that is so.
        last_429: The last refusal by this limit: when and what it said; None if there was none.
    """

    limit: str
    scope: str
    model: str | None
    unit: str
    amount: int | None
    window: float | None
    used: int
    left: int | None
    next_free_at: datetime | None
    blocked_until: datetime | None
    resets_at: datetime | None
    source: str
    last_429: str | None


def states(lanes: Iterable[Lane], line: TimeLine, refusals: Mapping[str, tuple[float, str]]) -> list[LimitState]:
    """Every limit of these lanes once: a lane's own first, then the account's."""
    own: list[LimitState] = []
    account: dict[str, LimitState] = {}
    for lane in lanes:
        for log in (*lane.logs, *lane.token_logs):
            state = _of_log(log, line, refusals)
            if log.limit.model is None:
                account[log.limit.key] = state
            else:
                own.append(state)
        for name, place in zip(lane.place_names, lane.places, strict=True):
            state = _of_place(name, place, lane, line, refusals)
            if state.model is None:
                account[name] = state
            else:
                own.append(state)
        own += _of_sizes(lane)
    return [*own, *account.values()]


def _of_log(log: RateLog, line: TimeLine, refusals: Mapping[str, tuple[float, str]]) -> LimitState:
    limit = log.limit
    bound = line.loop is not None and not line.loop.is_closed()
    now = line.now() if bound else 0.0
    left = log.room(now) if bound else log.cap
    opens = log.ready_at(now) if bound else 0.0
    last = log.last_mark()
    return LimitState(
        limit=limit.type,
        scope="account" if limit.model is None else "model",
        model=limit.model,
        unit=limit.unit,
        amount=limit.amount,
        window=limit.window,
        used=log.used(),
        left=left,
        next_free_at=_wall(opens, line) if now < opens < NEVER else None,
        blocked_until=_wall(log.blocked_until, line) if log.blocked_until > now and bound else None,
        resets_at=_wall(log.release_of(last), line) if last is not None and bound else None,
        source=limit.source + _care(log),
        last_429=_refusal(refusals.get(limit.key), line),
    )


def _care(log: RateLog) -> str:
    """Why less goes than `amount` allows: nobody should have to guess that from `left`."""
    if log.cap < log.amount:
        return f"; going on with {log.cap} of {log.amount}, somebody else spends the rest"
    return "; evenly spaced, the server refuses full windows" if log.limit.paced else ""


def _of_place(
    name: str, place: Slots, lane: Lane, line: TimeLine, refusals: Mapping[str, tuple[float, str]]
) -> LimitState:
    account = not name.startswith(lane.model)
    metric = "account_concurrent" if account else "concurrent"
    source = lane.allowance.source_of(metric) if place.ceiling is not None else "no limit known"
    if place.cap is not None and place.ceiling is not None and place.cap < place.ceiling:
        source += f"; going on with {place.cap} of {place.ceiling}, something else holds slots"
    if line.loop is not None and not line.loop.is_closed():
        place.expire(line.now())
    return LimitState(
        limit="concurrent",
        scope="account" if account else "model",
        model=None if account else lane.model,
        unit="in flight",
        amount=place.ceiling,
        window=None,
        used=place.used,
        left=None if place.cap is None else max(0, place.cap - place.used),
        next_free_at=None,
        blocked_until=None,
        resets_at=None,
        source=source,
        last_429=_refusal(refusals.get(name), line),
    )


def _of_sizes(lane: Lane) -> list[LimitState]:
    allowed = lane.allowance
    return [
        LimitState(
            limit=metric,
            scope="model",
            model=lane.model,
            unit="tokens per request",
            amount=amount,
            window=None,
            used=0,
            left=amount,
            next_free_at=None,
            blocked_until=None,
            resets_at=None,
            source=allowed.source_of(metric),
            last_429=None,
        )
        for metric, amount in (("tokens_in", allowed.tokens_in), ("tokens_out", allowed.tokens_out))
        if amount is not None
    ]


def _wall(instant: float, line: TimeLine) -> datetime:
    return datetime.fromtimestamp(line.wall_of(instant), UTC)


def _refusal(refusal: tuple[float, str] | None, line: TimeLine) -> str | None:
    if refusal is None:
        return None
    return f"{_wall(refusal[0], line):%Y-%m-%d %H:%M:%S} UTC: {refusal[1]}"
