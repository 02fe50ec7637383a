"""Answers about who asks and for which model: why it failed, how to fix it. `faults` chooses among them."""

from __future__ import annotations

import difflib
import re

from . import advice, tree
from .context import Answer

__all__ = [
    "budget",
    "disabled",
    "model_not_found",
    "model_unavailable",
    "no_access",
    "permission",
    "proxy_refused",
    "retired",
    "token_invalid",
]

_SSO_URL = re.compile(r"url=(https://[^\s;]+)")


def retired(answer: Answer) -> tree.ServiceRetiredError:
    service = answer.context.service
    why = f"{service} answered HTTP 410: what was asked for is gone for good."
    if answer.context.profile_name.startswith("github"):
        why = f'{service} is retired: it answers HTTP 410 to every call, for good, even where it says "temporarily".'
    return tree.ServiceRetiredError(
        why,
        alternatives=answer.context.alternatives,
        fix=advice.retired_steps(answer.context),
        **answer.facts(),
    )


def token_invalid(answer: Answer) -> tree.TokenInvalidError:
    return tree.TokenInvalidError(
        f"The token was rejected by {answer.context.service}.{answer.said}",
        fix=advice.invalid_token_steps(answer.context),
        **answer.facts(),
    )


def permission(answer: Answer) -> tree.TokenPermissionError:
    sso = _SSO_URL.search(answer.headers.get("x-github-sso", ""))
    return tree.TokenPermissionError(
        f"The token lacks a permission for {answer.context.service}.{answer.said}",
        fix=advice.permission_steps(answer.context, sso[1] if sso else None),
        **answer.facts(),
    )


def disabled(answer: Answer) -> tree.ModelsDisabledError:
    context = answer.context
    who = (
        f"enterprise {context.enterprise}"
        if context.enterprise
        else (
            f"organisation {context.organization}"
            if context.organization
            else "the account's organisation or enterprise"
        )
    )
    return tree.ModelsDisabledError(
        f"GitHub Models is disabled by a policy of {who}.",
        settings_url=advice.settings_url(context),
        fix=advice.disabled_steps(context),
        **answer.facts(),
    )


def no_access(answer: Answer) -> tree.ModelAccessError:
    return tree.ModelAccessError(
        f"This account has no access to {answer.model}.{answer.said}",
        fix=advice.steps(
            "Choose a model your plan includes: `ghmodels models`",
            "An organisation may restrict models: ask its administrators" if answer.context.is_github else "",
            {"ghs_": "Workflow tokens of pull requests from forks have no access"}.get(answer.context.token_kind, ""),
        ),
        **answer.facts(),
    )


def budget(answer: Answer) -> tree.BudgetExceededError:
    organization = answer.context.organization
    page = (
        f"https://github.com/organizations/{organization}/settings/billing"
        if organization
        else ("https://github.com/settings/billing")
    )
    where = page if answer.context.is_github else f"{answer.context.service}'s billing page"
    return tree.BudgetExceededError(
        f"The account's budget is used up.{answer.said}",
        fix=advice.steps(f"Raise the budget or add credit at {where}", "Or wait for the next billing period"),
        **answer.facts(),
    )


def model_not_found(answer: Answer) -> tree.ModelNotFoundError:
    context = answer.context
    nearest = _nearest(context.model or "", context.known_models)
    proposal = f"Did you mean {' or '.join(nearest)}?" if nearest else "List what exists: `ghmodels models`"
    return tree.ModelNotFoundError(
        f"Unknown model: {answer.model}.",
        nearest=nearest,
        fix=advice.steps(
            proposal,
            "Model ids are publisher/name, e.g. openai/gpt-4.1-mini" if "/" not in (context.model or "/") else "",
            "A listed model can be gone all the same: try another one" if context.model in context.known_models else "",
        ),
        **answer.facts(),
    )


def model_unavailable(answer: Answer) -> tree.ModelUnavailableError:
    return tree.ModelUnavailableError(
        f"{answer.model} exists but is not available to this account or plan.",
        fix=advice.steps("Choose a model your plan includes: `ghmodels models`", "Or use a plan that includes it"),
        param=answer.envelope.param,
        **answer.facts(),
    )


def proxy_refused(answer: Answer) -> tree.APIError:
    return tree.APIError(
        "A proxy asks for credentials.",
        fix="Put them into HTTPS_PROXY (http://user:password@host:port)",
        **answer.facts(),
    )


def _nearest(model: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Up to three known ids: the same name under another publisher first, then the closest spelling."""
    short = model.rpartition("/")[2].lower()
    same = [entry for entry in known if entry.rpartition("/")[2].lower() == short and entry != model]
    lower = {entry.lower(): entry for entry in known if entry != model}
    close = difflib.get_close_matches(model.lower(), lower, n=3, cutoff=0.6)
    close += difflib.get_close_matches(short, [key.rpartition("/")[2] for key in lower], n=3, cutoff=0.7)
    by_short = {key.rpartition("/")[2]: entry for key, entry in lower.items()}
    found = [*same, *(lower.get(key) or by_short[key] for key in close)]
    return tuple(dict.fromkeys(found))[:3]
