"""What an endpoint is known to refuse, found before anything is spent. Pure.

Only fields that travel as the caller wrote them are judged: what `extra_body` overrides is the caller's own affair, of
two token ceilings only one travels, and a field nobody is known to refuse passes. Every refusal here is profile data
with a source.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from ghmodels_async import catalog
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

from .encode import CEILINGS, ceiling_field
from .profile import Profile, matches
from .shapes import misshapen

__all__ = ["Problem", "check", "is_plain"]

_PER_MESSAGE = "messages[]."
_BARE = {"model", "messages"}
_LIMITED_BY_MODELS = CEILINGS | {"modalities"}


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
        Problems in a fixed order: refused fields, ranges, choices, stops, what the model itself cannot do, shapes of
        messages, tools and response format, the shape of an embeddings input. Empty: nothing known speaks against it.
    """
    given = request.given()
    for overridden in request.extra_body or ():
        given.pop(overridden, None)
    plain = _are_plain(profile, given.get("messages", ()))
    if given.keys() == _BARE and not profile.dialect.refuses:  # only the messages can be wrong
        return [*_not_a_choice(profile, given), *_misshapen(profile, given, (), plain)]
    if given.keys() >= CEILINGS:  # only one of them travels
        ceiling = ceiling_field(profile, request.model, given)
        given = {name: value for name, value in given.items() if name == ceiling or name not in CEILINGS}
    judged = {name: value for name, value in given.items() if name != "messages"} if plain else given
    problems = [*_refused(profile, judged), *_out_of_range(profile, judged), *_not_a_choice(profile, judged)]
    stop, most = given.get("stop"), profile.dialect.max_stops
    if most is not None and not isinstance(stop, str) and stop is not None and len(stop) > most:
        problems.append(Problem("stop", f"{len(stop)} texts", f"at most {most}"))
    problems += _beyond_the_model(profile, request.model, given)
    problems += _misshapen(profile, given, request.extra_body or (), plain)
    if isinstance(request, EmbeddingsRequest) and "input" in given:
        problems += _unfit_texts(profile, given["input"])
    return problems


def is_plain(profile: Profile, request: ChatRequest) -> bool:
    """Whether it is a model and messages, each of a role and a text and nothing else, as most requests are.

    Then neither `check` nor the model's card has anything against it.
    """
    return request.model_fields_set == _BARE and _are_plain(profile, request.messages)


def _are_plain(profile: Profile, messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether nothing can be wrong with any message: all it has is a role and a text."""
    roles = profile.plain_roles
    for message in messages:
        if len(message) != 2 or type(message.get("content")) is not str or message.get("role") not in roles:
            return False
    return True


def _values(given: Mapping[str, Any], field: str) -> Iterator[tuple[int, Any]]:
    """What was given in the places a field name of a profile stands for: (position of the message, value)."""
    if field.startswith(_PER_MESSAGE):
        key = field.removeprefix(_PER_MESSAGE)
        for position, message in enumerate(given.get("messages", ())):
            if message.get(key) is not None:
                yield position, message[key]
    elif field in given:
        yield 0, given[field]


def _place(field: str, position: int) -> str:
    return field.replace("[]", f"[{position}]", 1)


def _refused(profile: Profile, given: Mapping[str, Any]) -> Iterator[Problem]:
    for field in profile.dialect.refuses:
        for position, value in _values(given, field):
            yield Problem(_place(field, position), value, f"{profile.title} refuses this field")


def _out_of_range(profile: Profile, given: Mapping[str, Any]) -> Iterator[Problem]:
    for field, (low, high) in profile.ranges.items():
        if field not in given:
            continue
        value = given[field]
        if isinstance(value, (int, float)) and not low <= value <= high:  # NaN is in no range
            yield Problem(field, value, f"from {low:g} to {high:g}" if high < inf else f"{low:g} or more")


def _not_a_choice(profile: Profile, given: Mapping[str, Any]) -> Iterator[Problem]:
    for field, allowed in profile.choices.items():
        if field not in given and not field.startswith(_PER_MESSAGE):
            continue
        for position, value in _values(given, field):
            if isinstance(value, str) and value in allowed:
                continue
            texts = (value,) if isinstance(value, str) else value if isinstance(value, Sequence) else ()
            if any(text not in allowed for text in texts):
                yield Problem(_place(field, position), value, f"one of {', '.join(allowed)}")


def _beyond_the_model(profile: Profile, model: str, given: Mapping[str, Any]) -> Iterator[Problem]:
    """What only this model refuses: a temperature, a ceiling above its own, a modality it does not speak."""
    temperature = given.get("temperature")
    if temperature not in (None, 1) and matches(model, profile.dialect.fixed_temperature_models):
        yield Problem("temperature", temperature, "this model takes only the default, 1")
    if _LIMITED_BY_MODELS.isdisjoint(given):
        return
    entry = catalog.find(model, profile.catalog) if profile.catalog else None
    if entry is None:
        return
    most = entry.limits.max_output_tokens if entry.limits else None
    for field in CEILINGS & given.keys():
        if most is not None and given[field] > most:
            yield Problem(field, given[field], f"this model gives at most {most} tokens")
    spoken = entry.supported_output_modalities
    if spoken and "modalities" in given and any(kind not in spoken for kind in given["modalities"]):
        yield Problem("modalities", given["modalities"], f"this model gives only {', '.join(spoken)}")


def _misshapen(
    profile: Profile, given: Mapping[str, Any], overridden: Collection[str], plain: bool
) -> Iterator[Problem]:
    if profile.dialect.strict_shapes:
        for found in misshapen(given, overridden, plain=plain):
            yield Problem(*found)


def _unfit_texts(profile: Profile, given: Any) -> Iterator[Problem]:
    texts = [given] if isinstance(given, str) else given
    most = profile.dialect.max_embedding_inputs
    if not texts:
        yield Problem("input", [], "at least one text")
    if len(texts) > most:
        yield Problem("input", f"{len(texts)} texts", f"at most {most} in one request")
    empty = next((position for position, text in enumerate(texts) if text == ""), None)
    if empty is not None:
        yield Problem(f"input[{empty}]", "", "no empty text")
