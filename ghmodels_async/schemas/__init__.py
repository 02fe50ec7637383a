"""JSON schemas as servers accept them: names, descriptions, arguments of functions, the strict subset. Pure."""

from .arguments import Arguments, arguments_of, problems_of
from .docstrings import DocText, read_docstring
from .names import NameTable, wire_name
from .strict import StrictSchema, strict_schema
from .tidy import schema_of, tidy

__all__ = [
    "Arguments",
    "DocText",
    "NameTable",
    "StrictSchema",
    "arguments_of",
    "problems_of",
    "read_docstring",
    "schema_of",
    "strict_schema",
    "tidy",
    "wire_name",
]
