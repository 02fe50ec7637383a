"""Endpoints as data: one TOML file each, with limits, dialect, source and date."""

from .load import ProfileError, load, names
from .profile import Anchor, Auth, Dialect, Profile, Quota, Rate, Unit, matches

__all__ = [
    "Anchor",
    "Auth",
    "Dialect",
    "Profile",
    "ProfileError",
    "Quota",
    "Rate",
    "Unit",
    "load",
    "matches",
    "names",
]
