"""What the façade can do beside chatting: vectors, the models there are, whether all is well. Delegations only.

A base class of the client and not part of its file, because signatures and docstrings fill a page. Vectors and the
verification are imported at their first use: most programs need neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, Unpack, overload
from weakref import WeakKeyDictionary

from . import catalog, inquiry
from .catalog import ContextLimit
from .chats import Chats
from .terms import Terms
from .transport import RetryPolicy
from .wire import EmbedOptions, ModelCard, check_options
from .wiring import Wiring

if TYPE_CHECKING:
    from .embeddings import Array, EmbeddingsRun, Lists, Texts, Vectors
    from .verification import Verification

__all__ = ["BeyondChat"]


#: What live catalogs said about context sizes, per client that has read one.
_contexts: WeakKeyDictionary[Wiring, dict[str, int]] = WeakKeyDictionary()

#: How endpoints call it in their catalogs: OpenRouter, Groq, Mistral, vLLM (their references, read 2026-11-22).
_CONTEXT_FIELDS = ("context_length", "context_window", "max_context_length", "max_model_len")


def _context_of(card: ModelCard) -> int | None:
    """A model's context, if a live catalog's card says so; a shipped card speaks for its snapshot."""
    if isinstance(card, catalog.CatalogEntry):
        return None
    said = [card.limits.max_input_tokens] if card.limits else []
    said += [(card.model_extra or {}).get(name) for name in _CONTEXT_FIELDS]
    return next((tokens for tokens in said if isinstance(tokens, int) and tokens > 0), None)


class _Client(Chats, Protocol):
    """The client these methods belong to."""

    _wiring: Wiring
    _terms: Terms


class BeyondChat:
    """Methods of `GitHubModels` that ask the endpoint for something else than a chat."""

    __slots__ = ()

    @overload
    async def embed(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: Literal[True],
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> Array: ...

    @overload
    async def embed(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: Literal[False],
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> Lists: ...

    @overload
    async def embed(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: bool | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> Vectors: ...

    async def embed(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: bool | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> Vectors:
        """Turn texts into vectors: one text or a million, in as few requests as the endpoint's caps allow.

        Args:
            model: Id, e.g. ``openai/text-embedding-3-small``.
            texts: One text, or any iterable of texts, sync or async. All are pulled and checked before the first
                request.
            array: True: a float32 numpy array of shape (texts, dimensions). False: a list of lists of floats. None:
                the array where numpy can be imported, else the lists.
            retry: Another retry policy.
            options: `dimensions`, `encoding`, `concurrency` …, and call options (`deadline` for all requests
                together, `priority`, `on_exhausted`).

        Returns:
            One row per text, in the order of the texts, for a single text too. What it cost is in `usage`.

        Raises:
            TypeError: An unknown option, or a text that is no string. Nothing was sent.
            BadRequestError: No text, or an empty one. Nothing was sent.
            RequestTooLargeError: A text longer than the model reads. Nothing was sent, if it was clear from its bytes.
            GHModelsError: A request failed; what was sent before is spent. `embed_each` keeps what had succeeded.

        Cancellation: safe, requests in flight are settled.
        """
        from .embeddings import embed

        check_options(options, EmbedOptions)
        terms = self._terms.with_options({}, retry)
        return await embed(self._wiring, terms, model, texts, array, options)

    @overload
    def embed_each(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: Literal[True],
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> EmbeddingsRun[Array]: ...

    @overload
    def embed_each(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: Literal[False],
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> EmbeddingsRun[Lists]: ...

    @overload
    def embed_each(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: bool | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> EmbeddingsRun[Vectors]: ...

    def embed_each(
        self: _Client,
        model: str,
        texts: Texts,
        *,
        array: bool | None = None,
        retry: RetryPolicy | None = None,
        **options: Unpack[EmbedOptions],
    ) -> EmbeddingsRun[Any]:
        """Turn texts into vectors lazily: texts are pulled when there is room, parts come in the order of the texts.

        Args and errors as `embed`, but a text is checked when it is pulled. `priority` is ``"batch"`` here unless
        given, `on_exhausted` is ``"wait"``: the run waits for the daily reset.

        Returns:
            An async iterator of `EmbeddingsPart`; its `usage` is the sum so far. Use ``async with`` if you may leave
            early.
        """
        from .embeddings import embed_each

        check_options(options, EmbedOptions)
        terms = self._terms.with_options({"priority": "batch", "on_exhausted": "wait"}, retry)
        return embed_each(self._wiring, terms, model, texts, array, options)

    async def models(self: _Client, prefix: str = "") -> Sequence[ModelCard]:
        """List the endpoint's models: live where it has a catalog, else the shipped snapshot. Spends no quota.

        Args:
            prefix: Only ids that start with it, e.g. ``openai/``.

        Raises:
            GHModelsError: The live catalog failed and there is no snapshot for this profile.

        Cancellation: safe.
        """
        cards = await inquiry.models(self._wiring, self._terms.timeouts, prefix)
        known = _contexts.setdefault(self._wiring, {})
        known |= {card.id: tokens for card in cards if (tokens := _context_of(card)) is not None}
        return cards

    def context_limit(self: _Client, model: str) -> ContextLimit:
        """Tokens of prompt the model takes, and who says so. Sends nothing.

        In this order: the endpoint's own catalog, if `models` has read it; the snapshot shipped with the profile; what
        the profile's plan allows one request. None where none of them says, with the reason as `source`.
        """
        profile = self._wiring.profile
        listed = _contexts.get(self._wiring, {}).get(model)
        if listed is not None:
            return ContextLimit(listed, f"the live catalog of {profile.title}")
        if profile.catalog is not None:
            return catalog.context_limit(model, profile.catalog)
        plan = self._wiring.settings.plan
        quota = profile.quota_of(model, plan)
        if quota is not None and quota.tokens_in is not None:
            says = f"the limit table of {profile.title}, plan {plan}: most of one request ({quota.source})"
            return ContextLimit(quota.tokens_in, says)
        return ContextLimit(None, f"not known: {profile.title} ships with no catalog and no limit on a request's size")

    async def verify(self: _Client, model: str | None = None, *, ask: bool = True, raises: bool = True) -> Verification:
        """Check settings, token, account, organisation, catalog, limits and one model, in this order.

        Args:
            model: Which model to ask; None: one with a large quota, where the catalog names one.
            ask: Whether to ask it: one short inference request. Everything else spends no quota.
            raises: Whether to raise the first failed check's error; else look at the result.

        Returns:
            Every check: what was checked, how it went, how to fix it.

        Raises:
            TokenNotFoundError, TokenInvalidError, TokenPermissionError, ModelsDisabledError, GHModelsError: What failed
                first, if `raises`.

        Cancellation: safe, the request in flight is settled.
        """
        from .verification import verify

        found = await verify(self._wiring, self, model, ask=ask)
        if raises and found.error is not None:
            raise found.error
        return found
