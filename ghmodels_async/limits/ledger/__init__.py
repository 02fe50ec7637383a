"""What must outlive a permit: one port, a memory ledger and a file-backed one."""

from .memory import MemoryLedger
from .port import Block, Busy, Grant, Learned, Ledger, Opened, Reserved, SlotWant, Want

__all__ = [
    "Block",
    "Busy",
    "Grant",
    "Learned",
    "Ledger",
    "MemoryLedger",
    "Opened",
    "Reserved",
    "SlotWant",
    "Want",
]
