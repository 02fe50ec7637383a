"""The face of the `openai` package's asynchronous client over this library: change the client line, keep the code."""

from .face import OpenAIFace
from .shapes import Chunk, Completion, EmbeddingList, Model
from .streams import ChunkStream, ModelList

__all__ = ["Chunk", "ChunkStream", "Completion", "EmbeddingList", "Model", "ModelList", "OpenAIFace"]
