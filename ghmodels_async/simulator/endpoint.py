"""The simulated service itself: one request in, one answer plan out, no clock and no socket of its own.

    arrive(call, now) -> Exchange        judges, counts, logs, decides everything
    finish(exchange, now, how)           the server is rid of it: its concurrency slot is free

Order of judgement: token, route, JSON, model, plan, permission, limits (counted from here on), size of the request,
fields, content filter, scripted fault, reply. Whether a request that fails after the limits costs quota is unknown;
here it does, which is the harder case for a client.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import blake2b
from typing import Any

from ghmodels_async.profiles import Profile, Quota
from ghmodels_async.simulator import dialects, directory, refusals
from ghmodels_async.simulator.accounts import Accounts
from ghmodels_async.simulator.admission import Admission, Refused, Ticket
from ghmodels_async.simulator.answer import Answer, Call
from ghmodels_async.simulator.chat import Manner
from ghmodels_async.simulator.checks import Rules
from ghmodels_async.simulator.faults import Fault, Moment
from ghmodels_async.simulator.jobs import ChatJob, EmbeddingsJob, Job
from ghmodels_async.simulator.log import Arrival, RequestLog
from ghmodels_async.simulator.roster import Roster, Served
from ghmodels_async.simulator.script import Script

__all__ = ["Endpoint", "Exchange"]

#: Inference roots of every known dialect, so that any base URL of a profile works against this server.
_ROOT = "(?:/inference|/orgs/(?P<org>[^/]+)/inference|/openai/v1|/v1beta/openai|/api/v1|/v1|/models)?"
_ROUTES = (
    ("POST", re.compile(rf"^{_ROOT}/chat/completions$"), "chat"),
    ("POST", re.compile(rf"^{_ROOT}/embeddings$"), "embeddings"),
    ("GET", re.compile(r"^/catalog/models$"), "catalog"),
    ("GET", re.compile(rf"^{_ROOT}/models$"), "models"),
    ("GET", re.compile(r"^/user$"), "user"),
    ("GET", re.compile(r"^/user/orgs$"), "organizations"),
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
_SECRET = ("authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization")


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    call: Call
    answer: Answer
    arrival: Arrival
    ticket: Ticket | None = None


class Endpoint:
    """All state of the simulated service."""

    def __init__(
        self,
        profile: Profile,
        plan: str,
        *,
        admission: Admission,
        accounts: Accounts,
        script: Script,
        log: RequestLog,
        manner: Manner,
        organizations: tuple[str, ...] = (),
        unknown_model_status: int = 404,
        record: bool = False,
    ) -> None:
        self.profile = profile
        self.roster = Roster(profile, plan)
        self.admission = admission
        self.accounts = accounts
        self.script = script
        self.log = log
        self.manner = manner
        self._organizations = organizations
        self._unknown_model_status = unknown_model_status
        self._record = record
        self._style = dialects.style_of(profile)
        self._standing = dialects.standing_headers(profile)
        self._rules = Rules(profile.ranges, unknown_fields=self._style == "azure" or profile.name == "openai")

    def arrive(self, call: Call, now: float) -> Exchange:
        """Judge one request at the instant it reaches the server."""
        kind, organization = _route(call)
        arrival = Arrival(self.log.total + 1, now, call.method, call.path, kind)
        if call.body:
            arrival.digest = blake2b(call.body, digest_size=8).hexdigest()
        if self._record:
            secret = (*_SECRET, self.profile.auth.header.lower())
            arrival.headers = {name: value for name, value in call.headers.items() if name not in secret}
        self.log.arrived(arrival)
        exchange = Exchange(call, Answer(500, {}, []), arrival)
        answer = self._judge(exchange, kind, organization, now)
        if arrival.fault is None or answer.headers.keys() - {"content-type"}:  # a fault may strip them all
            answer.headers.setdefault("date", formatdate(now, usegmt=True))
            answer.headers.setdefault("x-request-id", f"sim-{arrival.number:08d}")
            answer.headers.update(self._standing)
        exchange.answer = answer
        self.log.answered(arrival, answer.status)
        return exchange

    def finish(self, exchange: Exchange, now: float, how: str) -> None:
        """The exchange is over for the server. Idempotent."""
        if exchange.arrival.finished_at is None:
            self.log.ended(exchange.arrival, now, how)
            if exchange.ticket is not None:
                self.admission.leave(exchange.ticket)

    def _judge(self, exchange: Exchange, kind: str, organization: str | None, now: float) -> Answer:
        token = self.accounts.token(exchange.call)
        if kind != "catalog" and not self.accounts.known(token):
            return dialects.unauthorized(self._style)
        exchange.arrival.account = self.accounts.account(token)
        if kind in ("chat", "embeddings"):
            return self._infer(exchange, kind, token, organization, now)
        answer = self._look_up(kind, exchange)
        fault = self.script.draw(exchange.arrival)
        return answer if fault is None else self._broken(exchange, fault, answer, answer, now)

    def _look_up(self, kind: str, exchange: Exchange) -> Answer:
        if kind == "catalog":
            return directory.catalog_cards(self.roster)
        if kind == "models":
            return directory.model_list(self.roster)
        if kind == "user":
            return directory.user(exchange.arrival.account)
        if kind == "organizations":
            return directory.organizations(self._organizations)
        return refusals.not_found(exchange.call.path)

    def _infer(self, exchange: Exchange, kind: str, token: str, organization: str | None, now: float) -> Answer:
        arrival = exchange.arrival
        body = _parsed(exchange.call.body)
        if body is None:
            text = "We could not parse the JSON body of your request. The API expects a JSON payload."
            return refusals.invalid(text)
        if self._record:
            arrival.body = body
        name = body.get("model")
        if not isinstance(name, str) or not name:
            return refusals.invalid("you must provide a model parameter", param="model")
        served = self.roster.find(name)
        if served is None:
            return refusals.unknown_model(name, self._unknown_model_status)
        arrival.model = served.id
        quota = self.roster.quota(served)
        if quota is None:
            return refusals.unavailable_model(served.short_name)
        objection = self.accounts.objection(token, organization, name)
        if objection is not None:
            return objection
        return self._run(exchange, self._job(kind, body, served, exchange, now), served, quota, now)

    def _job(self, kind: str, body: Mapping[str, Any], served: Served, exchange: Exchange, now: float) -> Job:
        if kind == "embeddings":
            return EmbeddingsJob(body, served, self.manner, self.profile.dialect.max_embedding_inputs)
        lenient = exchange.call.headers.get("extra-parameters") in ("drop", "pass-through")
        number = exchange.arrival.number
        return ChatJob(body, served, self._rules, self.manner, number=number, now=now, lenient=lenient)

    def _run(self, exchange: Exchange, job: Job, served: Served, quota: Quota, now: float) -> Answer:
        """Limits first; then a counted request gets its answer, good or bad."""
        arrival = exchange.arrival
        arrival.kind = job.kind
        arrival.prompt_tokens = job.tokens_in
        tokens_out = job.tokens_out() if any(rate.unit == "tokens" for rate in quota.rates) else 0
        checked = self.admission.check(
            arrival.account, served.id, quota, now=now, tokens_in=job.tokens_in, tokens_out=tokens_out
        )
        if isinstance(checked, Refused):
            arrival.limit = checked.type
            use = self._use(arrival.account, served, quota, now)
            return dialects.rate_limited(self._style, checked, served, use, now)
        if not isinstance(checked, Ticket):
            return refusals.too_large(served.short_name, checked.amount)
        fault = self.script.draw(arrival)
        if fault is None or fault.counts:
            self.admission.count(checked)
            exchange.ticket = checked
            arrival.admitted = True
        answer = self._good(exchange, job, served, quota, now)
        return answer if fault is None else self._broken(exchange, fault, answer, job, now)

    def _good(self, exchange: Exchange, job: Job, served: Served, quota: Quota, now: float) -> Answer:
        if quota.tokens_in is not None and job.tokens_in > quota.tokens_in:
            return refusals.too_large(served.short_name, quota.tokens_in)
        if job.objection is not None:
            return job.objection
        answer = job.answer()
        exchange.arrival.completion_tokens = job.tokens_out()
        binding = self.profile.dialect.headers_binding
        use = self._use(exchange.arrival.account, served, quota, now) if binding else {}
        answer.headers.update(dialects.success_headers(self._style, binding, served, use, job.tokens_in))
        return answer

    def _broken(self, exchange: Exchange, fault: Fault, answer: Answer, job: Job | Answer, now: float) -> Answer:
        exchange.arrival.fault = fault.name
        whole = (lambda: answer) if isinstance(job, Answer) or job.objection is not None else job.whole
        broken = fault.play(answer, Moment(now, whole))
        exchange.arrival.limit = broken.headers.get("x-ratelimit-type")
        return broken

    def _use(self, account: str, served: Served, quota: Quota, now: float) -> dialects.Use:
        daily = self.profile.name == "groq"  # its request headers tell the day's quota, its token headers the minute's
        found = {
            unit: self.admission.remaining(
                account, served.id, quota, unit, now=now, longest=daily and unit == "requests"
            )
            for unit in ("requests", "tokens")
        }
        return {unit: left for unit, left in found.items() if left is not None}


def _parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object, or None. Lone surrogates, which JSON can say and UTF-8 cannot, become question marks."""
    try:
        value = json.loads(body)
        if _SURROGATE.search(body):
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _route(call: Call) -> tuple[str, str | None]:
    for method, pattern, kind in _ROUTES:
        match = pattern.match(call.path)
        if match and method == call.method:
            return kind, match.groupdict().get("org")
    return "other", None
