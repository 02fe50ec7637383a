"""Functions a model may call: schemas, names, and the loop that calls them."""

from .calls import CallRecord
from .definition import Tool, Toolbox, ToolLike, tool
from .loop import ToolLoop, ToolRun
from .run import run_loop, run_tools
from .step import TextSteps, ToolStep
from .stream import ToolStream, stream_tools

__all__ = [
    "CallRecord",
    "TextSteps",
    "Tool",
    "ToolLike",
    "ToolLoop",
    "ToolRun",
    "ToolStep",
    "ToolStream",
    "Toolbox",
    "run_loop",
    "run_tools",
    "stream_tools",
    "tool",
]
