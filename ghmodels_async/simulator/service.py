"""The simulated service: one request in, one answer plan out, no clock and no socket of its own.

    arrive(call, now) -> Exchange        counts, logs, decides everything
    finish(exchange, now, how)           the server is rid of it: its concurrency slot is free

Order of judgement: token, JSON, model, plan, limits (counted from here on), request size, fields, content filter,
scripted fault, reply. Whether a request that fails after the limits costs quota is unknown; here it does, which is the
harder case for a client.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import blake2b
from typing import Any

from ghmodels_async.profiles import Profile
from ghmodels_async.simulator import refusals
from ghmodels_async.simulator.admission import Admission, Admitted, Refused
from ghmodels_async.simulator.answer import Answer, Call, json_answer
from ghmodels_async.simulator.chat import Manner, plan_chat
from ghmodels_async.simulator.checks import check_chat
from ghmodels_async.simulator.events import streamed, whole
from ghmodels_async.simulator.log import Arrival, RequestLog
from ghmodels_async.simulator.prompts import prompt_tokens
from ghmodels_async.simulator.roster import Roster, Served

__all__ = ["Exchange", "Service"]

#: Inference roots of every known dialect, so that any base URL of a profile works against this server.
_ROOT = "(?:/inference|/orgs/(?P<org>[^/]+)/inference|/openai/v1|/v1beta/openai|/api/v1|/v1|/models)?"
_ROUTES = (
    (re.compile(rf"^{_ROOT}/chat/completions$"), "chat"),
    (re.compile(rf"^{_ROOT}/embeddings$"), "embeddings"),
    (re.compile(r"^/catalog/models$"), "catalog"),
    (re.compile(rf"^{_ROOT}/models$"), "models"),
    (re.compile(r"^/user$"), "user"),
    (re.compile(r"^/user/orgs$"), "organizations"),
)


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    call: Call
    answer: Answer
    arrival: Arrival
    admitted: Admitted | None = None


class Service:
    """All state of the simulated service."""

    def __init__(self, profile: Profile, plan: str, *, admission: Admission, log: RequestLog, manner: Manner) -> None:
        self.roster = Roster(profile, plan)
        self.admission = admission
        self.log = log
        self.manner = manner
        self._accounts: dict[str, str] = {}

    def arrive(self, call: Call, now: float) -> Exchange:
        """Judge one request at the instant it reaches the server."""
        kind, _ = _route(call)
        arrival = Arrival(self.log.total + 1, now, call.method, call.path, kind)
        arrival.digest = blake2b(call.body, digest_size=8).hexdigest() if call.body else ""
        self.log.arrived(arrival)
        exchange = Exchange(call, Answer(500, {}, []), arrival)
        exchange.answer = self._judge(exchange, kind, now)
        exchange.answer.headers.setdefault("date", formatdate(now, usegmt=True))
        exchange.answer.headers.setdefault("x-request-id", f"sim-{arrival.number:08d}")
        self.log.answered(arrival, exchange.answer.status, exchange.answer.headers.get("x-ratelimit-type"))
        return exchange

    def finish(self, exchange: Exchange, now: float, how: str) -> None:
        """The exchange is over for the server. Idempotent."""
        if exchange.arrival.finished_at is None:
            self.log.ended(exchange.arrival, now, how)
            if exchange.admitted is not None:
                self.admission.leave(exchange.admitted)

    def _judge(self, exchange: Exchange, kind: str, now: float) -> Answer:
        call, arrival = exchange.call, exchange.arrival
        if kind == "catalog":
            return json_answer(200, [_card(entry) for entry in self.roster.listed()])
        token = call.headers.get("authorization", "").rpartition(" ")[2] or call.headers.get("api-key", "")
        if not token:
            return refusals.bad_credentials()
        arrival.account = self._accounts.setdefault(token, f"account-{len(self._accounts) + 1}")
        if kind == "chat":
            return self._chat(exchange, now)
        return refusals.not_found(call.path)

    def _chat(self, exchange: Exchange, now: float) -> Answer:
        arrival = exchange.arrival
        try:
            body = json.loads(exchange.call.body)
        except ValueError:
            return refusals.invalid("We could not parse the JSON body of your request.")
        arrival.kind = "stream" if body.get("stream") else "chat"
        served = self.roster.find(str(body.get("model", "")))
        if served is None:
            return refusals.unknown_model(str(body.get("model", "")))
        arrival.model = served.id
        quota = self.roster.quota(served)
        if quota is None:
            return refusals.unavailable_model(served.short_name)
        objection = check_chat(body, served)
        size = prompt_tokens(body) if objection is None else 0
        entered = self.admission.enter(arrival.account, served.id, quota, now=now, tokens_in=size)
        if isinstance(entered, Refused):
            return refusals.rate_limited(entered)
        if not isinstance(entered, Admitted):
            return refusals.too_large(served.short_name, entered.amount)
        exchange.admitted = entered
        arrival.admitted = True
        arrival.prompt_tokens = size
        if quota.tokens_in is not None and size > quota.tokens_in:
            return refusals.too_large(served.short_name, quota.tokens_in)
        return objection or self._reply(exchange, body, served, now)

    def _reply(self, exchange: Exchange, body: dict[str, Any], served: Served, now: float) -> Answer:
        plan = plan_chat(body, served, self.manner, number=exchange.arrival.number, now=now)
        exchange.arrival.completion_tokens = plan.completion_tokens
        return streamed(plan) if body.get("stream") else whole(plan)


def _route(call: Call) -> tuple[str, str | None]:
    for pattern, kind in _ROUTES:
        match = pattern.match(call.path)
        if match:
            return kind, match.groupdict().get("org")
    return "other", None


def _card(entry: Any) -> dict[str, Any]:
    return dict(entry.model_dump(exclude={"limit_row", "multipliers", "available", "context", "by"}))
