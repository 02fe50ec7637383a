"""A request as the caller meant it, or a clear refusal before anything is spent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .errors import BadRequestError
from .profiles import Profile, check
from .wire import ChatRequest, EmbeddingsRequest

__all__ = ["chat_request", "embeddings_request", "refuse_locally"]


# its `validator` is what `ChatRequest(...)` asks in the end, without a Python frame and a second dictionary in between
_CHAT = TypeAdapter(ChatRequest)


def chat_request(model: str, messages: Any, fields: Mapping[str, Any]) -> ChatRequest:
    """Build a request.

    Raises:
        BadRequestError: A field has the wrong type or shape (`status` is None: nothing was sent). What was given is
            not in the message: it may be a prompt.
    """
    try:
        request: ChatRequest = _CHAT.validator.validate_python({**fields, "model": model, "messages": messages})
    except ValidationError as error:
        raise _no_request(error, "chat", model) from None
    return request


def embeddings_request(model: str, texts: Sequence[str], fields: Mapping[str, Any]) -> EmbeddingsRequest:
    """Build a request. Raises as `chat_request`."""
    try:
        return EmbeddingsRequest(model=model, input=texts, **fields)
    except ValidationError as error:
        raise _no_request(error, "embeddings", model) from None


def _no_request(error: ValidationError, kind: str, model: object) -> BadRequestError:
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    places = [".".join(map(str, problem["loc"])) for problem in wrong]
    field = places[0].partition(".")[0]
    return BadRequestError(
        f"This is no {kind} request: {places[0]}: {wrong[0]['msg'].lower()}.",
        param=field,
        model=str(model),
        checked="\n".join(f"{place}: {problem['msg']}" for place, problem in zip(places, wrong, strict=True)),
        fix=_FIXES.get(field) or f"Correct {field}, or leave it out",
    )


_FIXES = {
    "model": "Give a model's id; `ghmodels models` lists them",
    "messages": "Give messages as a text or as a list of {'role': …, 'content': …}",
    "input": "Give a text or a list of texts",
}


def refuse_locally(profile: Profile, request: ChatRequest | EmbeddingsRequest) -> None:
    """Raise what the endpoint is known to answer to this request, before anything is spent.

    Raises:
        BadRequestError: A field the profile is known to refuse (`status` is None: the server was not asked).
    """
    problems = check(profile, request)
    if problems:
        first = problems[0]
        field = re.split(r"[.\[]", first.field)[0]  # what extra_body can carry: a field of the body
        raise BadRequestError(
            f"{profile.title} would refuse this request: {first.field} = {first.value!r}.",
            param=first.field,
            model=request.model,
            checked="\n".join(str(problem) for problem in problems),
            fix=f"Use a value that is allowed, or send it anyway: extra_body={{{field!r}: …}}",
        )
