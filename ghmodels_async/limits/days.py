"""Where a day begins for those who count by the calendar: at midnight UTC, or at midnight on the US west coast.

The west coast's rule is arithmetic, not a time zone file: in force since 2007, standard time is UTC-8, and from 2:00 on
the second Sunday of March to 2:00 on the first Sunday of November clocks run at UTC-7. No midnight falls into a change.
Minimal containers and Windows have no zone files, and a wrong midnight would be a silent overspend; a test compares the
arithmetic with the system's zone where there is one. Source: Energy Policy Act of 2005, sec. 110 (15 U.S.C. 260a).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

__all__ = ["day_around"]


def day_around(wall: float, anchor: str) -> tuple[float, float]:
    """Start and end (Unix seconds) of the day that contains `wall`; `anchor` is "utc" or "us-pacific"."""
    offset = _pacific_hours if anchor == "us-pacific" else _utc_hours
    today = (datetime.fromtimestamp(wall, UTC) + timedelta(hours=offset(wall))).date()
    return _midnight(today, anchor), _midnight(today + timedelta(days=1), anchor)


def _midnight(day: date, anchor: str) -> float:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if anchor != "us-pacific":
        return start.timestamp()
    summer = _sunday(day.year, 3, 2) < day <= _sunday(day.year, 11, 1)  # the changes come at 2:00, after midnight
    return (start + timedelta(hours=7 if summer else 8)).timestamp()


def _utc_hours(wall: float) -> int:
    return 0


def _pacific_hours(wall: float) -> int:
    year = (datetime.fromtimestamp(wall, UTC) - timedelta(hours=8)).year
    begins = datetime.combine(_sunday(year, 3, 2), datetime.min.time(), UTC) + timedelta(hours=2 + 8)
    ends = datetime.combine(_sunday(year, 11, 1), datetime.min.time(), UTC) + timedelta(hours=2 + 7)
    return -7 if begins.timestamp() <= wall < ends.timestamp() else -8


def _sunday(year: int, month: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))
