"""What a simulated model says: plausible, about the prompt, the same again for the same luck, and labelled.

Nothing here knows anything. A code prompt gets code with the asked-for signature, a question about a few capitals gets
the documentation's own answer, everything else gets prose made of the prompt's words.
"""

from __future__ import annotations

import re
from random import Random

from ghmodels_async.simulator.prompts import names_in, topics_in

__all__ = ["LABEL", "write_code", "write_reply", "write_thoughts"]

#: Opens every free-text reply, so that nobody mistakes one for a model's.
LABEL = "[simulated] "

_SIGNATURE = re.compile(r"def\s+(\w+)\s*\(([^)]*)\)")
_CODE = re.compile(r"```|\bdef \w|\b(?:python|javascript|function|code|script|algorithm|regex|sql)\b", re.IGNORECASE)
_CAPITAL = re.compile(r"capital (?:city )?of (?:the )?([A-Z][\w ]*\w)")
_GREETING = re.compile(r"^\W*(?:hi|hello|hey|ping|test|say hello)\b", re.IGNORECASE)

#: France is the answer in GitHub's REST reference; the others keep it company.
_CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Japan": "Tokyo",
    "Spain": "Madrid",
    "Sweden": "Stockholm",
    "United Kingdom": "London",
}

_OPENINGS = (
    "In short, {0} comes down to how {1} and {2} fit together.",
    "There are three things worth knowing about {0}: {1}, {2} and the time they take.",
    "{0} is easiest to see through {1}.",
    "Think of {0} as a question about {1} first and {2} second.",
)
_MIDDLES = (
    "Once {0} is settled, {1} follows — and {2} stops being a surprise.",
    "Most of what is said about {0} is really about {1}.",
    "That is why {0} matters more than {1} in practice.",
    "If you change {0}, expect {1} to change with it; {2} stays where it was.",
    "A good test: take {0} away and look at what happens to {1}.",
    "People who work with {0} tend to start from {1} and leave {2} for later.",
    "The details of {0} vary, yet {1} is the part that lasts.",
)
_CLOSINGS = (
    "So: begin with {0}, measure {1}, and keep {2} simple.",
    "That covers {0}; ask about {1} if you want to go deeper.",
    "In the end {0} is a matter of {1}.",
)


def write_reply(prompt: str, luck: Random, *, sentences: int | None = None) -> str:
    """Free text for a prompt.

    Args:
        prompt: What the user said last.
        luck: Decides the wording; the same state gives the same text.
        sentences: How many; None means three to seven.
    """
    asked = _CAPITAL.search(prompt)
    if asked and asked[1] in _CAPITALS:
        return f"{LABEL}The capital of {asked[1]} is {_CAPITALS[asked[1]]}."
    if _CODE.search(prompt):
        return write_code(prompt, luck)
    if _GREETING.match(prompt) and len(prompt) < 40:
        return f"{LABEL}Hello! How can I help you today?"
    words = topics_in(prompt) or ["the question", "its context", "the answer"]
    count = luck.randint(3, 7) if sentences is None else sentences
    forms = [luck.choice(_OPENINGS), *(luck.choice(_MIDDLES) for _ in range(count - 2)), luck.choice(_CLOSINGS)]
    return LABEL + " ".join(_fill(form, words, luck) for form in forms[:count])


def write_code(prompt: str, luck: Random) -> str:
    """A fenced function with the signature the prompt shows, or one named after its words."""
    signatures = _SIGNATURE.findall(prompt)
    if signatures:
        name, parameters = signatures[-1]
    else:
        name, parameters = "_".join(word.lower() for word in topics_in(prompt, 2)) or "answer", "values"
    first = re.split(r"[:=,\s]", parameters.strip())[0] or "None"
    step = luck.choice(("if item not in found:\n            found.append(item)", "found.append(item)"))
    return (
        f"{LABEL}One way to write `{name}`:\n\n```python\ndef {name}({parameters}):\n"
        f'    """Simulated: it runs, but nobody checked what it computes."""\n'
        f"    found = []\n    for item in {first} if hasattr({first}, '__iter__') else [{first}]:\n        {step}\n"
        f"    return found\n```\n\nIt looks at each item once, so it takes O(n) time."
    )


def write_thoughts(prompt: str, luck: Random) -> str:
    """What a reasoning model mutters before it answers."""
    words = topics_in(prompt) or ["this"]
    about = ", ".join(words[:3])
    name = next(iter(names_in(prompt)), words[0])
    ends = ("So the answer should start there.", "That seems right. Let me write it down.", "Good, that is enough.")
    return f"Okay, the user asks about {about}. First I should be clear about {name}. {luck.choice(ends)}"


def _fill(form: str, words: list[str], luck: Random) -> str:
    chosen = luck.sample(words, 3) if len(words) >= 3 else [luck.choice(words) for _ in range(3)]
    text = form.format(*chosen)
    return text[0].upper() + text[1:]
