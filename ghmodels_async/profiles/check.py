"""What an endpoint is known to refuse, found before anything is spent. Pure.

Only fields that travel as the caller wrote them are judged: what `extra_body` overrides is the caller's own affair,
and a field nobody is known to refuse passes. Every refusal here is profile data with a source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

from .profile import Profile, matches

__all__ = ["Problem", "check"]


class Problem(NamedTuple):
    """One field the endpoint would refuse: where, what was given, what is allowed."""

    field: str
    value: object
    allowed: str

    def __str__(self) -> str:
        return f"{self.field} = {self.value!r}: {self.allowed}"


def check(profile: Profile, request: ChatRequest | EmbeddingsRequest) -> list[Problem]:
    """Find every reason the endpoint is known to have for refusing this request.

    Returns:
        Problems in a fixed order: refused fields, ranges, the fixed temperature, then the shape of an embeddings input.
        Empty: nothing known speaks against it.
    """
    given = request.given()
    for overridden in request.extra_body or ():
        given.pop(overridden, None)
    problems = [*_refused(profile, given), *_out_of_range(profile, given)]
    temperature = given.get("temperature")
    if temperature not in (None, 1) and matches(request.model, profile.dialect.fixed_temperature_models):
        problems.append(Problem("temperature", temperature, "this model takes only the default, 1"))
    if isinstance(request, EmbeddingsRequest) and "input" in given:
        problems += _unfit_texts(profile, given["input"])
    return problems


def _refused(profile: Profile, given: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for field in profile.dialect.refuses:
        if field.startswith("messages[]."):
            key = field.removeprefix("messages[].")
            for position, message in enumerate(given.get("messages", ())):
                if message.get(key) is not None:
                    where = f"messages[{position}].{key}"
                    problems.append(Problem(where, message[key], f"{profile.title} refuses this key"))
        elif field in given:
            problems.append(Problem(field, given[field], f"{profile.title} refuses this field"))
    return problems


def _out_of_range(profile: Profile, given: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    for field, (low, high) in profile.ranges.items():
        value = given.get(field)
        if isinstance(value, (int, float)) and not low <= value <= high:  # NaN is in no range
            problems.append(Problem(field, value, f"from {low:g} to {high:g}"))
    return problems


def _unfit_texts(profile: Profile, given: Any) -> list[Problem]:
    texts = [given] if isinstance(given, str) else given
    most = profile.dialect.max_embedding_inputs
    problems: list[Problem] = []
    if not texts:
        problems.append(Problem("input", [], "at least one text"))
    if len(texts) > most:
        problems.append(Problem("input", f"{len(texts)} texts", f"at most {most} in one request"))
    empty = next((position for position, text in enumerate(texts) if text == ""), None)
    if empty is not None:
        problems.append(Problem(f"input[{empty}]", "", "no empty text"))
    return problems
