"""Texts to vectors: split by the endpoint's caps, asked for through the limiter, handed out in order."""

from .run import EmbeddingsPart, EmbeddingsRun, embed, embed_each
from .vectors import Array, Lists, Vectors

__all__ = ["Array", "EmbeddingsPart", "EmbeddingsRun", "Lists", "Vectors", "embed", "embed_each"]
