"""What a client has spent and met: sums over its calls, and token estimates learned from the server's usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .catalog import FREE, Cost, Multipliers, cost_of
from .wire import ChatRequest, EmbeddingsRequest, Usage
from .wire.measure import text_bytes, word_count

__all__ = ["Estimates", "ModelUsage", "Size", "Tally"]


@dataclass(slots=True)
class ModelUsage:
    """Tokens of one model, as the server counted them.

    Attributes:
        replies: Replies that were read to their end or given up after they had begun.
        unmetered: Those of them the server sent no usage for; their tokens are in no sum.
        prompt_tokens: Prompt tokens, cached ones included.
        cached_tokens: Prompt tokens the server had cached.
        completion_tokens: Generated tokens.
    """

    replies: int = 0
    unmetered: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def add(self, usage: Usage | None) -> None:
        """Count one reply."""
        self.replies += 1
        if usage is None:
            self.unmetered += 1
            return
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens

    def cost(self, prices: Multipliers | None) -> Cost:
        """What these tokens cost by a price list's row; unknown where a reply came without usage."""
        found = cost_of(prices, self.prompt_tokens, self.cached_tokens, self.completion_tokens)
        return Cost(None, found.known_units) if self.unmetered else found

    def include(self, other: ModelUsage) -> None:
        """Add another sum to this one."""
        self.replies += other.replies
        self.unmetered += other.unmetered
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens


@dataclass(slots=True)
class Tally:
    """What one client did since it was made.

    Attributes:
        attempts: Requests handed to the transport.
        retries: Attempts made because another one had failed.
        rate_limited: 429s by the name of the limit; empty is the aim.
        models: Tokens per model.
        prices: Row of the endpoint's price list per model in `models`; None or absent where it has none.
    """

    attempts: int = 0
    retries: int = 0
    rate_limited: dict[str, int] = field(default_factory=dict)
    models: dict[str, ModelUsage] = field(default_factory=dict)
    prices: dict[str, Multipliers | None] = field(default_factory=dict)

    def of(self, model: str) -> ModelUsage:
        """The sums of one model."""
        found = self.models.get(model)
        if found is None:
            found = self.models[model] = ModelUsage()
        return found

    @property
    def total(self) -> ModelUsage:
        """The sums over all models."""
        total = ModelUsage()
        for one in self.models.values():
            total.include(one)
        return total

    @property
    def costs(self) -> dict[str, Cost]:
        """What each model cost; unknown where the price list has no row or a reply came without usage."""
        return {model: usage.cost(self.prices.get(model)) for model, usage in self.models.items()}

    @property
    def cost(self) -> Cost:
        """What everything cost: unknown if any part is; `known_units` is then the part that is known."""
        total = FREE
        for one in self.costs.values():
            total = total.plus(one)
        return total


class Size(NamedTuple):
    """One request in UTF-8 bytes of `text`, and estimated tokens: `likely` for reservations, `certain` for refusals
    before sending (the truth is not below it), `out` for the reply."""

    text: int
    likely: int
    certain: int
    out: int


#: Tokens per byte before anything is learned: OpenAI's rule of thumb, four bytes of English a token.
_RATIO = 0.25
#: No tokenizer in use packs ordinary text tighter than this many bytes a token; runs of blanks can be.
_DENSEST = 12
#: Bytes from which words are counted: no model in the tables takes less than 4,000 tokens, and a word has a blank.
_LONG = 8_000
#: What a reply is reserved at where nobody said: half of the usual 4,000-token ceiling is never reached by most.
_OUT = 1_000
#: A ratio learned from other texts may be off by this factor for the next one before a request is refused unseen.
_VARIETY = 2
#: Sizes of refused requests kept per model: enough to know the same request when it comes again.
_REFUSALS = 64
#: Weight of the newest reply in the learned ratio.
_NEWEST = 0.2


class Estimates:
    """Tokens per byte and usual output, learned per model from what the server counted."""

    def __init__(self, ratios: Mapping[str, float] | None = None) -> None:
        self._ratios: dict[str, float] = dict(ratios or {})
        self._outs: dict[str, float] = {}
        self._refused: dict[str, dict[int, int]] = {}

    def of(self, request: ChatRequest | EmbeddingsRequest) -> Size:
        """Estimate one request."""
        text = text_bytes(request)
        model = request.model
        ratio = self._ratios.get(model)
        likely = int(text * (ratio or _RATIO)) + 1
        certain = text // _DENSEST
        if text > _LONG:
            certain = max(certain, word_count(request.messages if isinstance(request, ChatRequest) else request.input))
        if ratio and likely // _VARIETY > certain:
            certain = likely // _VARIETY
        if model in self._refused:
            certain = max(certain, self._refused[model].get(text, 0))
        if not isinstance(request, ChatRequest):  # asked this way round: pydantic answers a "no" in Python
            return Size(text, likely, certain, 0)
        asked = request.max_completion_tokens or request.max_tokens
        return Size(text, likely, certain, asked or int(self._outs.get(model, _OUT)))

    def refused(self, model: str, size: Size, maximum: int) -> None:
        """The server said that this request has more than `maximum` tokens: know it when it comes again."""
        sizes = self._refused.setdefault(model, {})
        sizes[size.text] = maximum + 1
        if len(sizes) > _REFUSALS:
            del sizes[next(iter(sizes))]

    def ratio(self, model: str) -> float | None:
        """Tokens per byte as the server's usage taught them; None before the first reply."""
        return self._ratios.get(model)

    def learn(self, model: str, size: Size, usage: Usage) -> None:
        """Compare an estimate with what the server counted."""
        prompted, made = usage.prompt_tokens, usage.completion_tokens
        if size.text > 0 and prompted > 0:
            ratio = prompted / size.text
            known = self._ratios.get(model)
            self._ratios[model] = ratio if known is None else known + _NEWEST * (ratio - known)
        if made > 0:
            known = self._outs.get(model)
            self._outs[model] = float(made) if known is None else known + _NEWEST * (made - known)
