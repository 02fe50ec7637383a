"""Typed answers: a pydantic type in, a value of it out, also while it is still arriving."""

from .objects import ObjectStream, stream_parse
from .parse import Parsed, parse, parse_reply
from .partial import PartialJSON
from .shape import Shape, response_format, shape_of

__all__ = [
    "ObjectStream",
    "Parsed",
    "PartialJSON",
    "Shape",
    "parse",
    "parse_reply",
    "response_format",
    "shape_of",
    "stream_parse",
]
