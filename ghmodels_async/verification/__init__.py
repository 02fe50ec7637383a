"""Is everything in order: token, account, organisation, endpoint, quota, model; and if not, how to fix it."""

from .checkup import verify
from .outcome import Check, Verification

__all__ = ["Check", "Verification", "verify"]
