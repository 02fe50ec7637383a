"""What the simulated service saw: one value per request, counters that never forget, questions tests ask.

Accounts are numbered in order of appearance; no token and no prompt is kept unless recording was asked for.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Arrival", "RequestLog"]


@dataclass(slots=True)
class Arrival:
    """One request. Instants are nominal Unix seconds."""

    number: int
    """1 for the first request the service ever saw."""
    at: float
    """When it reached the server."""
    method: str
    path: str
    kind: str
    """``chat``, ``stream``, ``embeddings``, ``catalog``, ``user`` or ``other``."""
    account: str = ""
    model: str = ""
    status: int = 0
    """0 while nothing was decided; also the status of an answer whose head never left."""
    limit: str | None = None
    """The limit type that a 429 named."""
    fault: str | None = None
    """Name of the scripted fault, if one was played."""
    admitted: bool = False
    """Whether it was counted against the quota."""
    digest: str = ""
    """Equal for requests with the same body."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finished_at: float | None = None
    ended: str = ""
    """``whole``, ``broken`` (by a fault) or ``disconnected`` (by the client); empty while open."""
    body: Any = None
    """The parsed body, if `record` was asked for."""
    headers: dict[str, str] | None = None
    """The headers without credentials, if `record` was asked for."""


class RequestLog:
    """The requests a simulation saw. Iterates over the kept ones, oldest first.

    Args:
        keep: How many arrivals to keep; None keeps all. Counters and `peak` are exact either way.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._arrivals: deque[Arrival] = deque(maxlen=keep)
        self.total = 0
        self.open = 0
        """Requests that arrived and have not ended."""
        self.peak = 0
        """The most that were ever open at once."""
        self.statuses: Counter[int] = Counter()
        self.limits: Counter[str] = Counter()
        """Limit type -> 429s that named it."""

    def __len__(self) -> int:
        return len(self._arrivals)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._arrivals)

    def __getitem__(self, index: int) -> Arrival:
        return self._arrivals[index]

    def select(self, where: Callable[[Arrival], bool] | None = None, /, **fields: Any) -> list[Arrival]:
        """Kept arrivals whose attributes equal `fields` and for which `where` is true."""
        return [
            arrival
            for arrival in self._arrivals
            if (where is None or where(arrival)) and all(getattr(arrival, k) == v for k, v in fields.items())
        ]

    def count(self, where: Callable[[Arrival], bool] | None = None, /, **fields: Any) -> int:
        """How many `select` would return."""
        return len(self.select(where, **fields))

    def by(self, field: str) -> Counter[Any]:
        """Kept arrivals counted by one attribute, e.g. ``by("account")``."""
        return Counter(getattr(arrival, field) for arrival in self._arrivals)

    def most_in_window(self, window: float, /, **fields: Any) -> int:
        """The most kept arrivals in any half-open interval of `window` seconds, e.g. ``admitted=True``."""
        recent: deque[float] = deque()
        most = 0
        for at in sorted(arrival.at for arrival in self.select(**fields)):
            while recent and recent[0] <= at - window:
                recent.popleft()
            recent.append(at)
            most = max(most, len(recent))
        return most

    def repeats(self, **fields: Any) -> list[str]:
        """Digests of bodies that arrived more than once among the selected."""
        seen = Counter(arrival.digest for arrival in self.select(**fields))
        return [digest for digest, times in seen.items() if times > 1]

    def clear(self) -> None:
        """Forget everything but what is still open."""
        self._arrivals.clear()
        self.total = 0
        self.peak = self.open
        self.statuses.clear()
        self.limits.clear()

    # Written by the service.

    def arrived(self, arrival: Arrival) -> None:
        self._arrivals.append(arrival)
        self.total += 1
        self.open += 1
        self.peak = max(self.peak, self.open)

    def answered(self, arrival: Arrival, status: int) -> None:
        arrival.status = status
        self.statuses[status] += 1
        if arrival.limit is not None:
            self.limits[arrival.limit] += 1

    def ended(self, arrival: Arrival, at: float, how: str) -> None:
        arrival.finished_at = at
        arrival.ended = how
        self.open -= 1
