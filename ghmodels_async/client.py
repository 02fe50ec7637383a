"""The façade: one object per account and endpoint, about a dozen methods, no logic of its own.

Longer than most files: the arguments of the constructor, `chat`, `stream` and `map` are described where editors show
them, and what needs only those four lives in `abilities` and `beyond_chat` already.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Any, Unpack

from . import catalog
from .abilities import Abilities
from .asking import chat_request, refuse_locally
from .beyond_chat import BeyondChat
from .bulk import BulkRun, Outcome
from .call import Call
from .clock import Clock
from .config import Settings, resolve
from .content import check as check_parts
from .errors import BadRequestError, ConfigurationError, GHModelsError
from .limits import GateOptions
from .limits.ledger import Ledger
from .middleware import Middleware
from .profiles import Profile, is_plain, plain_body, to_body
from .stream import ChatReply, ChatStream, ReplyMeta, read_completion
from .tally import Tally
from .terms import Terms, Timeouts
from .transport import FailedAttempt, RetryPolicy, SessionPool, TokenProvider, TokenSource, Transport
from .view import LimitsView
from .wire import ChatCallOptions, ChatRequest, Message, check_options
from .wiring import Wiring

__all__ = ["GitHubModels"]

#: How many requests `map` keeps pulled and unfinished at first where nobody says. The gate decides how many of them are
#: sent. 256 use a quota of 500 a minute with replies that take half a minute, and cost a few megabytes.
_MAP_CONCURRENCY = 256


class GitHubModels(Abilities, BeyondChat):
    """An asynchronous client for GitHub Models and every endpoint that speaks its dialect.

    Making one sends nothing and needs no event loop. It may be used from one running event loop at a time; successive
    `asyncio.run` calls are fine. Clients of one account and endpoint in one process share one limiter.

    Args:
        token: The key, or a plain or async callable that returns it. None: the profile's environment variables, then
            (for GitHub) ``gh auth token``. It is checked locally at once where it can be.
        profile: Endpoint: a name (``github``, ``foundry``, ``openrouter``, ``groq`` …), the path of a TOML file, or a
            `Profile`. None: ``GHMODELS_PROFILE``, the configuration file, then ``github``.
        base_url: Inference root instead of the profile's; ``/chat/completions`` is appended.
        organization: Login to attribute the use to.
        enterprise: Slug, for error messages.
        plan: Column of the limit table; None: the profile's first.
        limits: Your own limits over the table's: model id or glob -> metric -> number or None, or a `GateOptions`.
        ledger: Where daily quotas are remembered: ``"sqlite"`` (a file per account), ``"memory"``, or a ledger.
        shared: Whether several processes on this host use this account at once.
        timeouts: Seconds per phase, as `Timeouts` or a mapping laid over the defaults.
        retry: When failed attempts are made again.
        transport: Sends requests; None: a `SessionPool` over aiohttp, closed with the client. One that is passed may
            serve many clients and stays open.
        middleware: Your code around each attempt, outermost first.
        clock: Nominal time; only a simulation needs another than the default.
        settings: Resolved settings, instead of everything that names the endpoint.
        account: Names the account where `token` is a callable whose value changes.
        on_attempt: Called after each attempt that failed, with the error and what was decided.

    Raises:
        ConfigurationError: A setting that cannot be used; the message says where it was written. Nothing was sent.
        TokenNotFoundError: At the first call, if no token is found.
    """

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        profile: str | Profile | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        enterprise: str | None = None,
        plan: str | None = None,
        limits: GateOptions | Mapping[str, Mapping[str, int | None]] | None = None,
        ledger: str | Ledger | None = None,
        shared: bool = False,
        timeouts: Timeouts | Mapping[str, float | None] | None = None,
        retry: RetryPolicy | None = None,
        transport: Transport | None = None,
        middleware: Sequence[Middleware] = (),
        clock: Clock | None = None,
        settings: Settings | None = None,
        account: str | None = None,
        on_attempt: Callable[[FailedAttempt], object] | None = None,
    ) -> None:
        if settings is None:
            settings = resolve(
                profile=profile,
                base_url=base_url,
                plan=plan,
                organization=organization,
                enterprise=enterprise,
                ledger=ledger if isinstance(ledger, str) else None,
            )
        elif any((profile, base_url, organization, enterprise, plan)):
            raise ConfigurationError(
                "settings and arguments that name the endpoint were both given.",
                fix="Give profile, base_url, organization, enterprise and plan, or settings that hold them",
            )
        self._clock = clock or Clock()
        self._terms = Terms(timeouts=Timeouts.of(timeouts), retry=RetryPolicy() if retry is None else retry)
        self._wiring = Wiring(
            settings,
            TokenSource(token, settings.profile, settings.env),
            transport or SessionPool(clock=self._clock),
            clock=self._clock,
            gate_options=limits if isinstance(limits, GateOptions) else GateOptions({} if limits is None else limits),
            ledger=ledger if ledger is not None else settings.ledger,
            shared=shared,
            middleware=middleware,
            on_attempt=on_attempt,
            account=account,
            closes_transport=transport is None,
        )

    async def __aenter__(self) -> GitHubModels:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def profile(self) -> Profile:
        """The endpoint in use."""
        return self._wiring.profile

    @property
    def plan(self) -> str:
        """The column of the limit table in use."""
        return self._wiring.settings.plan

    @property
    def clock(self) -> Clock:
        """Nominal time."""
        return self._clock

    @property
    def usage(self) -> Tally:
        """Tokens per model, attempts, retries and 429s since this client was made."""
        return self._wiring.tally

    @property
    def limits(self) -> LimitsView:
        """What the limiter knows: `explain`, `eta`, `lower_bound`."""
        return LimitsView(self._wiring)

    async def chat(
        self,
        model: str,
        messages: str | Sequence[Message],
        *,
        retry: RetryPolicy | None = None,
        **options: Unpack[ChatCallOptions],
    ) -> ChatReply:
        """Ask for one reply and wait for all of it.

        Args:
            model: Id, e.g. ``openai/gpt-4.1-mini``.
            messages: A prompt, or messages in the wire's own shape.
            retry: Another retry policy for this call.
            options: Request fields (`temperature`, `max_tokens` …) and call options (`deadline`, `priority` …).

        Raises:
            TypeError: An unknown option. Nothing was sent.
            AdmissionError: Not let in (deadline, queue, size, plan). Nothing was sent.
            GHModelsError: The last attempt's error; see `errors` for the tree.

        Cancellation: safe: the connection is closed, the permit settled (given back if nothing had been sent).
        """
        check_options(options)
        call, _ = self._call(model, messages, options, retry, stream=False)

        def read(body: bytes, meta: ReplyMeta) -> ChatReply:
            try:
                completion = read_completion(body)
            except ValueError:
                raise call.classify_body(body) from None
            if not completion.choices:
                raise call.classify_body(body)
            return ChatReply.from_completion(completion, meta)

        return await call.whole(read, lambda reply: reply.usage)

    def stream(
        self,
        model: str,
        messages: str | Sequence[Message],
        *,
        retry: RetryPolicy | None = None,
        **options: Unpack[ChatCallOptions],
    ) -> ChatStream:
        """Make a stream of deltas. Nothing is sent before it is entered or iterated.

        Args and errors as `chat`; what the request itself gets wrong is raised here, the rest from the stream.
        """
        check_options(options)
        call, terms = self._call(model, messages, options, retry, stream=True)
        stream = ChatStream(
            call,
            clock=self._clock,
            timeouts=terms.of_stream(),
            done_suffices=self.profile.dialect.done_suffices,
        )
        call.watch(stream)
        return stream

    def map(
        self,
        requests: Iterable[Any] | AsyncIterable[Any],
        *,
        model: str | None = None,
        concurrency: int | None = None,
        ordered: bool = False,
        stream: bool = True,
        retry: RetryPolicy | None = None,
        **options: Unpack[ChatCallOptions],
    ) -> BulkRun[Any]:
        """Run many requests through the limiter: lazily, with a bound, each with its own outcome.

        Args:
            requests: Prompts, message lists, `ChatRequest`s, mappings of request fields, or pairs ``(key, request)``.
                Sync or async; pulled only when there is room.
            model: Model of requests that name none.
            concurrency: How many requests may be pulled and unfinished; None: 256 at first, and more as long as a
                quota on requests lies idle for want of them. The quotas decide how many of them are sent.
            ordered: Outcomes in input order instead of as they finish.
            stream: Stream underneath: a broken or stalled reply is noticed, and the quota is used more tightly.
            retry: Another retry policy.
            options: Request fields and call options for requests that do not have their own. `priority` is
                ``"batch"`` here unless given (it leaves room for others), `on_exhausted` is ``"wait"``: rows wait for
                the daily reset.

        Returns:
            An async iterator of `Outcome`; use it with ``async with`` if you may leave early.
        """
        check_options(options)
        shared: dict[str, Any] = {"priority": "batch", "on_exhausted": "wait", **options}
        answered: set[str] = set()

        def more() -> bool:
            gate = self._wiring.gate
            return gate is not None and bool(answered) and all(gate.idle(name) for name in answered)

        async def work(ordinal: int, item: Any) -> Outcome:
            key, request = item if isinstance(item, tuple) and len(item) == 2 else (ordinal, item)
            try:
                name, messages, own = _row(request, model)
                merged = {**shared, **own}
                if stream:
                    reply = await self.stream(name, messages, retry=retry, **merged).final()
                else:
                    reply = await self.chat(name, messages, retry=retry, **merged)
            except GHModelsError as error:
                return Outcome(key, ordinal, None, error, request)
            answered.add(name)
            return Outcome(key, ordinal, reply, None, request)

        if concurrency is None:
            return BulkRun(requests, work, concurrency=_MAP_CONCURRENCY, ordered=ordered, more=more)
        return BulkRun(requests, work, concurrency=concurrency, ordered=ordered)

    async def aclose(self, drain: float | None = None) -> None:
        """Close connections and leave the limiter. Idempotent.

        No call begins from here on (RuntimeError). Calls in flight, those that wait for quota or between two attempts
        included, end with a ConnectionFailedError; an open stream breaks off for its reader.

        Args:
            drain: Nominal seconds to let calls in flight finish first; None: do not wait.

        Cancellation: safe to call again; no call begins any more.
        """
        await self._wiring.aclose(drain)

    def _call(
        self,
        model: str,
        messages: str | Sequence[Message],
        options: ChatCallOptions,
        retry: RetryPolicy | None,
        *,
        stream: bool,
    ) -> tuple[Call, Terms]:
        """Build the request, refuse what is known to be refused, and encode it."""
        wiring = self._wiring
        profile = wiring.profile
        # most calls have no options and are plain: nothing of them needs a look
        fields = {name: value for name, value in options.items() if name not in _CALL_OPTIONS} if options else {}
        content: Any = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        request = chat_request(model, content, fields)
        plain = is_plain(profile, request)
        if not plain:
            refuse_locally(profile, request)
            if profile.catalog is not None:
                check_parts(request.messages, catalog.find(model, profile.catalog))
        terms = self._terms.with_options(options, retry)
        body = plain_body(request, profile, stream) if plain else to_body(request, profile, stream)
        call = Call(wiring, request, terms, url=wiring.settings.endpoint.chat_url, body=body)
        return call, terms


_CALL_OPTIONS = frozenset({"deadline", "priority", "on_exhausted", "timeouts"})


def _row(request: Any, model: str | None) -> tuple[str, Any, dict[str, Any]]:
    """Model, messages and own options of one request of `map`, whatever shape it came in."""
    if isinstance(request, ChatRequest):
        own = request.given()
        own.pop("stream", None)
        extra = {"extra_body": request.extra_body, "extra_headers": request.extra_headers}
        own |= {name: value for name, value in extra.items() if value is not None}
    elif isinstance(request, Mapping):
        own = dict(request)
        if "prompt" in own:
            own["messages"] = own.pop("prompt")
    else:
        own = {"messages": request}
    name = own.pop("model", None) or model
    if name is None:
        raise ConfigurationError("The request names no model.", fix="Give model=... to map, or name one per request")
    if "messages" not in own:
        raise ConfigurationError("The request has no messages.", fix="Give a prompt or messages")
    messages = own.pop("messages")
    try:
        check_options(own)
    except TypeError as error:
        fix = "Correct the name, or leave the field out"
        raise BadRequestError(f"This is no chat request: {error}.", model=name, checked="its fields", fix=fix) from None
    return name, messages, own
