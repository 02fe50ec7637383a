"""What travels: requests, replies, stream chunks, usage, embeddings and catalog cards as pydantic models."""

from .reply import (
    ChatChunk,
    ChatCompletion,
    ChatMessage,
    Choice,
    ChunkChoice,
    ChunkDelta,
    Embedding,
    EmbeddingsReply,
    FunctionCall,
    FunctionFragment,
    ModelCard,
    ModelLimits,
    ToolCall,
    ToolCallFragment,
    Usage,
)
from .request import ChatRequest, EmbeddingsRequest, Message, Role

__all__ = [
    "ChatChunk",
    "ChatCompletion",
    "ChatMessage",
    "ChatRequest",
    "Choice",
    "ChunkChoice",
    "ChunkDelta",
    "Embedding",
    "EmbeddingsReply",
    "EmbeddingsRequest",
    "FunctionCall",
    "FunctionFragment",
    "Message",
    "ModelCard",
    "ModelLimits",
    "Role",
    "ToolCall",
    "ToolCallFragment",
    "Usage",
]
