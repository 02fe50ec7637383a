"""A faithful, independent simulator of a quota-bound inference service: the judge of the client in this package.

It shares no code with the client's limiter, decoder or error classification; it knows only what travels, what the
catalogs and profiles say, and time.
"""

from ghmodels_async.simulator.accounts import DISABLED_ORGANIZATION
from ghmodels_async.simulator.answer import Answer, Call, Ending
from ghmodels_async.simulator.background import BackgroundServer
from ghmodels_async.simulator.chat import OUTPUT_FILTERED, PROMPT_FILTERED, REFUSED
from ghmodels_async.simulator.faults import Fault, Moment
from ghmodels_async.simulator.log import Arrival, RequestLog
from ghmodels_async.simulator.memory import MemoryHead, MemoryResponse, MemoryTransport
from ghmodels_async.simulator.script import FAULTS
from ghmodels_async.simulator.simulation import TOKEN, Simulation
from ghmodels_async.simulator.sockets import Server
from ghmodels_async.simulator.windows import WINDOW_KINDS, WindowKind

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
