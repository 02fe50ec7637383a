"""How to fix it: the steps each message ends with, in the caller's own terms (token kind, organisation, plan).

Source: GitHub docs on personal access tokens, SSO authorisation and GitHub Models policies (read 2026-11-22).
"""

from __future__ import annotations

from .context import FaultContext

__all__ = [
    "disabled_steps",
    "invalid_token_steps",
    "missing_token_steps",
    "permission_steps",
    "retired_steps",
    "settings_url",
    "steps",
]

_FINE_GRAINED = "https://github.com/settings/personal-access-tokens"
_CLASSIC = "https://github.com/settings/tokens"


def steps(*lines: str) -> str:
    """Number the lines that are not empty; a single one stays as it is."""
    kept = [line for line in lines if line]
    return kept[0] if len(kept) == 1 else "\n".join(f"{n}. {line}" for n, line in enumerate(kept, 1))


def missing_token_steps(variables: tuple[str, ...], *, github: bool) -> str:
    """What to do when no token was found anywhere."""
    names = " or ".join(variables) or "the token argument"
    if not github:
        return steps("Create an API key at the provider", f"Set {names} to it, or pass token=...")
    return steps(
        f"Create a personal access token at {_FINE_GRAINED}",
        "For a fine-grained token: Account permissions → Models → Read-only ('models: read')",
        f"Set {names} to it, pass token=..., or sign in with `gh auth login`",
        "For an organisation with SSO: fine-grained tokens are authorised when created; authorise a classic one "
        f"at {_CLASSIC} (Configure SSO)",
    )


def invalid_token_steps(context: FaultContext) -> str:
    """What to do about a rejected token."""
    where = f" in {context.token_variable}" if context.token_variable else ""
    if not context.is_github:
        return steps(f"Check that the key{where} belongs to {context.service} and was not revoked", "Create a new key")
    page = {"ghp_": _CLASSIC, "github_pat_": _FINE_GRAINED}.get(context.token_kind)
    renew = {
        "ghs_": "Installation tokens live one hour: mint a new one (or pass a callable as token)",
        "gho_": "Sign in again: `gh auth refresh`",
        "ghu_": "Sign in again with the GitHub App",
    }.get(context.token_kind, "")
    return steps(
        f"Check that the token{where} is complete: no quotes, no spaces, not truncated",
        f"Check at {page} that it is neither expired nor revoked" if page else renew,
        f"Otherwise create a new one at {_FINE_GRAINED} with Models → Read-only",
    )


def permission_steps(context: FaultContext, sso_url: str | None = None) -> str:
    """What to do when the token is valid but may not do this, including the SSO steps for its kind."""
    if not context.is_github:
        return f"Give the key access to this model or endpoint in {context.service}'s console"
    organization = context.organization or "the organisation"
    if sso_url:
        return steps(f"Open {sso_url} and authorise the token for {organization}", "Send the request again")
    grant = {
        "github_pat_": f"Edit the token at {_FINE_GRAINED}: Account permissions → Models → Read-only ('models: read')",
        "ghp_": f"Edit the token at {_CLASSIC} and tick the `models` scope",
        "ghs_": "In a workflow: `permissions: {models: read}` (pull requests from forks never get it); "
        "in a GitHub App: add Models → Read-only",
        "gho_": "Sign in again with the CLI: `gh auth refresh`, or use a fine-grained token instead",
        "ghu_": "Ask the GitHub App's owner for Models → Read-only and accept the new permission",
    }.get(context.token_kind, f"Use a fine-grained token with Models → Read-only from {_FINE_GRAINED}")
    sso = {
        "ghp_": f"For an organisation with SSO: at {_CLASSIC} choose Configure SSO → Authorize for {organization}",
        "github_pat_": f"For an organisation with SSO: the token must be created for {organization} as resource owner "
        "(it is then authorised at once) and may wait for an owner's approval",
    }.get(context.token_kind, f"For an organisation with SSO: authorise the token for {organization}")
    return steps(grant, sso)


def settings_url(context: FaultContext) -> str:
    """The page on which an administrator turns the service on."""
    if context.enterprise:
        return f"https://github.com/enterprises/{context.enterprise}/settings/models"
    if context.organization:
        return f"https://github.com/organizations/{context.organization}/settings/models"
    return "https://github.com/settings/models"


def disabled_steps(context: FaultContext) -> str:
    """What to do about a policy that forbids the service."""
    who = "enterprise" if context.enterprise else "organisation"
    return steps(
        f"Ask an {who} administrator to enable it at {settings_url(context)}",
        "An enterprise policy of 'Enabled' or 'No policy' is needed; 'Disabled' blocks every organisation in it",
        "" if context.organization or context.enterprise else "Or use a token of an account that no policy covers",
    )


def retired_steps(context: FaultContext) -> str:
    """Where to go when the service is gone for good."""
    others = ", ".join(context.alternatives) or "foundry, openrouter, google, groq, cerebras, mistral, openai, local"
    return steps(
        f"Choose another endpoint: GitHubModels(profile=...) or --profile, one of: {others}",
        f"The successor it names itself is profile {context.successor!r}" if context.successor else "",
        "To go on without any service: --simulate, or `ghmodels simulate`",
    )
