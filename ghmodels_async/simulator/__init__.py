"""A faithful, independent simulator of a quota-bound inference service: the judge of the client in this package.

It shares no code with the client's limiter, decoder or error classification; it knows only what travels, what the
catalogs and profiles say, and time.

Names are loaded at their first use (PEP 562): the pytest plugin of this folder wakes up in everybody's test runs and
must not bring a web server along.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts import DISABLED_ORGANIZATION
    from .answer import Answer, Call, Ending
    from .background import BackgroundServer
    from .chat import OUTPUT_FILTERED, PROMPT_FILTERED, REFUSED
    from .faults import Fault, Moment
    from .log import Arrival, RequestLog
    from .memory import MemoryHead, MemoryResponse, MemoryTransport
    from .script import FAULTS
    from .simulation import TOKEN, Simulation
    from .sockets import Server
    from .windows import WINDOW_KINDS, WindowKind

__all__ = [
    "DISABLED_ORGANIZATION",
    "FAULTS",
    "OUTPUT_FILTERED",
    "PROMPT_FILTERED",
    "REFUSED",
    "TOKEN",
    "WINDOW_KINDS",
    "Answer",
    "Arrival",
    "BackgroundServer",
    "Call",
    "Ending",
    "Fault",
    "MemoryHead",
    "MemoryResponse",
    "MemoryTransport",
    "Moment",
    "RequestLog",
    "Server",
    "Simulation",
    "WindowKind",
]

#: Where each name lives; the imports above, for machines that run. A test compares the two.
_HOMES = {
    "DISABLED_ORGANIZATION": "accounts",
    "FAULTS": "script",
    "OUTPUT_FILTERED": "chat",
    "PROMPT_FILTERED": "chat",
    "REFUSED": "chat",
    "TOKEN": "simulation",
    "WINDOW_KINDS": "windows",
    "Answer": "answer",
    "Arrival": "log",
    "BackgroundServer": "background",
    "Call": "answer",
    "Ending": "answer",
    "Fault": "faults",
    "MemoryHead": "memory",
    "MemoryResponse": "memory",
    "MemoryTransport": "memory",
    "Moment": "faults",
    "RequestLog": "log",
    "Server": "sockets",
    "Simulation": "simulation",
    "WindowKind": "windows",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
