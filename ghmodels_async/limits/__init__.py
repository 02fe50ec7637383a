"""The limiter: one gate per account that lets requests out as fast as every limit allows, and no faster."""

from .explain import LimitState
from .gate import Gate
from .options import DEFAULTS, Default, GateOptions, OnExhausted, Priority
from .permit import Outcome, Permit
from .registry import open_gate

__all__ = [
    "DEFAULTS",
    "Default",
    "Gate",
    "GateOptions",
    "LimitState",
    "OnExhausted",
    "Outcome",
    "Permit",
    "Priority",
    "open_gate",
]
