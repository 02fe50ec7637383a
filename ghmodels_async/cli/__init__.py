"""The command line: one verb a file, loaded when it is called."""

from .main import main

__all__ = ["main"]
