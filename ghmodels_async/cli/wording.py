"""The library's messages in the command line's words: arguments become options, variables and files.

The library speaks to programmers (`base_url=...`, `GitHubModels(profile=...)`); who typed a command needs the option,
the environment variable or the file to edit. Every message on its way to a terminal or into `--json` passes `reworded`;
a test reads all advice in the package's source and finds none that still speaks Python afterwards.
"""

from __future__ import annotations

import re

__all__ = ["reworded"]

_ADDRESS = "--base-url (or GHMODELS_BASE_URL)"
_OWN_PROFILE = "a profile file of your own (--profile FILE)"

#: What the library says -> what the command line says; in this order, each wherever it occurs.
#: Compiled when the first message comes: most commands have none, and start the sooner.
_WORDS: tuple[tuple[str, str], ...] = (
    # where a value came from
    (r"^[ ]*token argument: not given(\n|, )", ""),
    (r"\bbase_url argument\b", "--base-url"),
    (r"\bbase_url \(argument base_url\)", "--base-url"),
    (r"\bbase_url \(([^)]*)\)", r"\1"),
    (r"\bargument (base_url|plan|profile|organization)\b", r"--\1"),
    (r"--base_url\b", "--base-url"),
    (r"\bbase_url=None\b", "no --base-url"),
    (r"\bbase_url='([^']*)'", r"--base-url \1"),
    (r"^(Checked: |  )?base_url and the profile's addresses", r"\1--base-url and the profile's addresses"),
    # the key
    (r"Set the token argument to it, or pass token=\.\.\.", "Name its variable in the profile's key_variables"),
    (r", or pass token=\.\.\.", ""),
    (r", pass token=\.\.\.,", ","),
    (r" \(or pass a callable as token\)", ""),
    (r"Pass the key as token, not in the address\.", "Give the key in its variable, not in the address."),
    # the endpoint
    (r" or base_url=\.\.\.", ""),
    (r"Pass that address as base_url\b", f"Give that address with {_ADDRESS}"),
    (r"\bset base_url to it\b", f"give it with {_ADDRESS}"),
    (r"\b(Correct|Check|Set) base_url\b", rf"\1 {_ADDRESS}"),
    (r" or allow_http=True", ""),
    (r"allow_plain_http=True", "GHMODELS_ALLOW_HTTP=1"),
    (r"GitHubModels\(profile=\.\.\.\) or --profile,", "--profile NAME (or GHMODELS_PROFILE),"),
    (r'Pass plan="([^"]*)"', r"Give --plan \1 (or GHMODELS_PLAN)"),
    (
        r"Pass the issuer's certificate as ssl='[^']*'",
        "Name the issuer's certificate: SSL_CERT_FILE=/path/to/ca.pem",
    ),
    (r", or pass your own session= with a connector that speaks it", " in HTTPS_PROXY"),
    (r", or pass an ssl\.SSLContext", ""),
    # the request
    (r", or send it anyway: extra_body=\{.*\}", f"; {_OWN_PROFILE} can allow others"),
    (r"Give a model id, and messages as .*", "Give a model id (`ghmodels models` lists them) and a question"),
    (r"\(max_tokens\)", "(--max-tokens)"),
    (
        r"Use max_completion_tokens instead of max_tokens with this model",
        f"In a batch: --param max_completion_tokens=N; always: completion_tokens_models in {_OWN_PROFILE}",
    ),
    (r"Leave temperature out", "Leave --temperature out"),
    (r"Leave (top_p|max_tokens) out", r"Leave --\1 out"),
    (r"--top_p\b", "--top-p"),
    (r"--max_tokens\b", "--max-tokens"),
    (r"; `error\.partial(\.refusal)?` has [^\n.]*", ""),
    (r", or use what arrived \(`error\.partial`\)", ""),
    (r"Use what arrived \(`error\.partial`\), or raise the stall timeout", "Send it again"),
    (r", or raise the stall timeout", ""),
    (r", give reask=", ""),
    (r", or give reask=", ""),
    # quota
    (r'\(on_exhausted="wait" does\)', "(`ghmodels batch run` does)"),
    (r", or let calls wait with on_exhausted='wait'", ", as `ghmodels batch run` does"),
    (r"Ask for fewer at once, or use map\(\), which [^\n]*", "Run fewer at once, or one `ghmodels batch run`"),
    (
        r"give both clients shared=True \(one ledger\); otherwise lower the limit with limits=\{\.\.\.\}\.",
        "let it be a `ghmodels` command, or a client opened as shared: those count together; otherwise lower the limit "
        f"in {_OWN_PROFILE}.",
    ),
    (r"\bledger='([^']*)', shared=\w+", r"GHMODELS_LEDGER=\1"),
    (r'\bledger="sqlite" for a file', "GHMODELS_LEDGER=sqlite for a file"),
    (r'\bledger="memory"', "GHMODELS_LEDGER=memory"),
)


def reworded(text: str) -> str:
    """The same message for somebody who typed a command."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text, flags=re.MULTILINE)
    return text
