"""What the service refuses before it runs a model: fields, types, ranges, sizes.

Messages are upstream's own where one was captured; the others follow the same grammar. The first objection wins.

Source: public captures (2025-2026) for `messages`, `max_tokens` and `temperature`; OpenAI's API errors for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ghmodels_async.simulator.answer import Answer
from ghmodels_async.simulator.dialogue import check_messages, check_tools
from ghmodels_async.simulator.refusals import invalid
from ghmodels_async.simulator.roster import Served
from ghmodels_async.simulator.strictness import check_response_format
from ghmodels_async.wire import ChatRequest, EmbeddingsRequest

__all__ = ["Rules", "check_chat", "check_embeddings"]

#: Fields of the dialect that this package's own requests have no name for.
_ALSO_KNOWN = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "prediction",
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    }
)
_CHAT_FIELDS = frozenset(ChatRequest.model_fields) - {"extra_body", "extra_headers"} | _ALSO_KNOWN
_EMBEDDING_FIELDS = frozenset(EmbeddingsRequest.model_fields) - {"extra_body", "extra_headers"}

#: field -> (JSON type in the message's words, Python types)
_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "frequency_penalty": ("a decimal", (int, float)),
    "logit_bias": ("an object", (dict,)),
    "logprobs": ("a boolean", (bool,)),
    "max_completion_tokens": ("an integer", (int,)),
    "max_tokens": ("an integer", (int,)),
    "modalities": ("an array", (list,)),
    "n": ("an integer", (int,)),
    "parallel_tool_calls": ("a boolean", (bool,)),
    "presence_penalty": ("a decimal", (int, float)),
    "reasoning_effort": ("a string", (str,)),
    "response_format": ("an object", (dict,)),
    "seed": ("an integer", (int,)),
    "stop": ("one of a string or array of strings", (str, list)),
    "stream": ("a boolean", (bool,)),
    "stream_options": ("an object", (dict,)),
    "temperature": ("a decimal", (int, float)),
    "tool_choice": ("one of a string or object", (str, dict)),
    "tools": ("an array", (list,)),
    "top_logprobs": ("an integer", (int,)),
    "top_p": ("a decimal", (int, float)),
    "user": ("a string", (str,)),
}
_JSON_NAMES: dict[type, str] = {
    bool: "a boolean",
    dict: "an object",
    float: "a decimal number",
    int: "an integer",
    list: "an array",
    str: "a string",
}

#: What upstream enforces for everybody; a profile's own ranges come on top.
_RANGES: dict[str, tuple[float, float]] = {
    "frequency_penalty": (-2, 2),
    "max_completion_tokens": (1, float("inf")),
    "max_tokens": (1, float("inf")),
    "n": (1, 128),
    "presence_penalty": (-2, 2),
    "temperature": (0, 2),
    "top_logprobs": (0, 20),
    "top_p": (0, 1),
}
_MOST_STOPS = 4


class Rules:
    """What one simulation enforces.

    Args:
        ranges: Inclusive ranges of the profile, on top of upstream's.
        unknown_fields: Whether a field nobody knows is refused.
    """

    def __init__(self, ranges: Mapping[str, tuple[float, float]], *, unknown_fields: bool = True) -> None:
        self.ranges = {**_RANGES, **ranges}
        self.refuse_unknown = unknown_fields


def check_chat(body: Mapping[str, Any], served: Served, rules: Rules, *, lenient: bool = False) -> Answer | None:
    """The first objection to a chat request, or None.

    Args:
        body: The parsed JSON object.
        served: The model.
        rules: What to enforce.
        lenient: The caller asked for unknown fields to be dropped or passed on (`extra-parameters` header).
    """
    steps: tuple[Callable[[], Answer | None], ...] = (
        lambda: None if lenient or not rules.refuse_unknown else _check_known(body, _CHAT_FIELDS),
        lambda: _check_types(body),
        lambda: check_messages(body.get("messages"), served),
        lambda: _check_ranges(body, rules),
        lambda: _check_model_rules(body, served),
        lambda: _check_stops(body),
        lambda: check_tools(body),
        lambda: check_response_format(body),
    )
    for step in steps:
        objection = step()
        if objection is not None:
            return objection
    return None


def check_embeddings(body: Mapping[str, Any], served: Served, most_inputs: int) -> Answer | None:
    """The first objection to an embeddings request, or None."""
    objection = _check_known(body, _EMBEDDING_FIELDS)
    if objection is not None:
        return objection
    texts = body.get("input")
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list) or not texts:
        return invalid("'$.input' is invalid. Please check the API reference.", param="input")
    if len(texts) > most_inputs:
        return _too_long("input", most_inputs, len(texts))
    if any(text in ("", []) for text in texts):
        return invalid("'input' cannot be an empty string.", param="input")
    if not all(isinstance(text, str | int | list) for text in texts):
        return invalid("'$.input' is invalid. Please check the API reference.", param="input")
    if body.get("encoding_format") not in (None, "float", "base64"):
        return invalid("Invalid 'encoding_format': expected 'float' or 'base64'.", param="encoding_format")
    size = body.get("dimensions")
    if size is not None and ("embedding-3" not in served.id or not isinstance(size, int) or not 1 <= size <= 3072):
        return invalid("This model does not support specifying dimensions.", param="dimensions")
    return None


def _check_known(body: Mapping[str, Any], known: frozenset[str]) -> Answer | None:
    unknown = [name for name in body if name not in known]
    if not unknown:
        return None
    plural = "s" if len(unknown) > 1 else ""
    return invalid(f"Unrecognized request argument{plural} supplied: {', '.join(sorted(unknown))}")


def _check_types(body: Mapping[str, Any]) -> Answer | None:
    for name, (wanted, types) in _TYPES.items():
        value = body.get(name)
        if value is None or (isinstance(value, types) and not (isinstance(value, bool) and bool not in types)):
            continue
        got = _JSON_NAMES.get(type(value), "null")
        message = f"Invalid type for '{name}': expected {wanted}, but got {got} instead."
        return invalid(message, param=name, code="invalid_type")
    return None


def _check_ranges(body: Mapping[str, Any], rules: Rules) -> Answer | None:
    for name, (low, high) in rules.ranges.items():
        value = body.get(name)
        if not isinstance(value, int | float) or low <= value <= high:
            continue
        kind = "integer" if _TYPES.get(name, ("a decimal",))[0] == "an integer" else "decimal"
        side, bound, word = ("above", high, "<=") if value > high else ("below", low, ">=")
        limit = "maximum" if side == "above" else "minimum"
        message = f"Invalid '{name}': {kind} {side} {limit} value. Expected a value {word} {bound:g}, but got {value}"
        return invalid(f"{message} instead.", param=name, code=f"{kind}_{side}_{limit[:3]}_value")
    return None


def _check_model_rules(body: Mapping[str, Any], served: Served) -> Answer | None:
    """What only some models take."""
    if body.get("max_tokens") is not None and served.wants_completion_tokens:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"
        return invalid(f"{message} instead.", param="max_tokens", code="unsupported_parameter")
    temperature = body.get("temperature")
    if served.fixed_temperature and temperature not in (None, 1):
        message = f"Unsupported value: 'temperature' does not support {temperature} with this model. Only the default"
        return invalid(f"{message} (1) value is supported.", param="temperature", code="unsupported_value")
    for name in ("max_tokens", "max_completion_tokens"):
        asked = body.get(name)
        if asked is not None and served.max_output is not None and asked > served.max_output:
            message = f"{name} is too large: {asked}. This model supports at most {served.max_output} completion tokens"
            return invalid(f"{message}, whereas you provided {asked}.", param=name, code="invalid_value")
    if "audio" in (body.get("modalities") or ()) and "audio" not in served.outputs:
        message = "This model does not support the requested combination of modalities."
        return invalid(message, param="modalities", code="unsupported_value", status=422)
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        return invalid(message, param="stream_options")
    return None


def _check_stops(body: Mapping[str, Any]) -> Answer | None:
    stops = body.get("stop")
    if not isinstance(stops, list):
        return None
    if not all(isinstance(stop, str) for stop in stops):
        return invalid("Invalid type for 'stop': expected an array of strings.", param="stop", code="invalid_type")
    if len(stops) > _MOST_STOPS:
        return _too_long("stop", _MOST_STOPS, len(stops))
    return None


def _too_long(name: str, most: int, length: int) -> Answer:
    message = f"Invalid '{name}': array too long. Expected an array with maximum length {most}, but got an array with"
    return invalid(f"{message} length {length} instead.", param=name, code="array_above_max_length")
