"""Endpoints as data: one TOML file each, with limits, dialect, source and date; and requests in their dialects."""

from .check import Problem, check, is_plain
from .encode import embeddings_body, plain_body, to_body
from .lines import line_of
from .load import ProfileError, load, names
from .profile import Anchor, Auth, Dialect, Profile, Quota, Rate, Unit, matches

__all__ = [
    "Anchor",
    "Auth",
    "Dialect",
    "Problem",
    "Profile",
    "ProfileError",
    "Quota",
    "Rate",
    "Unit",
    "check",
    "embeddings_body",
    "is_plain",
    "line_of",
    "load",
    "matches",
    "names",
    "plain_body",
    "to_body",
]
