"""The face of the `openai` package's asynchronous client over this library: change the client line, keep the code."""

from .events import CompletionEvents, Event
from .face import OpenAIFace
from .raw import RawResponse, StreamedResponse
from .shapes import Chunk, Completion, EmbeddingList, Model
from .streams import ChunkStream, ModelList

__all__ = [
    "Chunk",
    "ChunkStream",
    "Completion",
    "CompletionEvents",
    "EmbeddingList",
    "Event",
    "Model",
    "ModelList",
    "OpenAIFace",
    "RawResponse",
    "StreamedResponse",
]
