"""A faithful, independent simulator of a quota-bound inference service: the judge of the client in this package.

It shares no code with the client's limiter, decoder or error classification; it knows only what travels, what the
catalogs and profiles say, and time.
"""

from ghmodels_async.simulator.log import Arrival, RequestLog
from ghmodels_async.simulator.simulation import Simulation
from ghmodels_async.simulator.windows import WINDOW_KINDS, WindowKind

__all__ = ["WINDOW_KINDS", "Arrival", "RequestLog", "Simulation", "WindowKind"]
