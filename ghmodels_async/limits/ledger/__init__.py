"""What must outlive a permit: one port, a memory ledger and a file-backed one."""

from .memory import MemoryLedger
from .opening import ledger_for
from .place import account_key, ledger_path, state_directory
from .port import Block, Busy, Grant, Learned, Ledger, Opened, Reserved, SlotWant, Want
from .sqlite import SqliteLedger

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
    "SqliteLedger",
    "Want",
    "account_key",
    "ledger_for",
    "ledger_path",
    "state_directory",
]
