"""Texts to vectors: split by the endpoint's caps, asked for through the limiter, handed out in order."""

from .asker import EmbeddingsPart
from .run import EmbeddingsRun, embed, embed_each
from .texts import Texts
from .vectors import Array, Lists, Vectors

__all__ = ["Array", "EmbeddingsPart", "EmbeddingsRun", "Lists", "Texts", "Vectors", "embed", "embed_each"]
