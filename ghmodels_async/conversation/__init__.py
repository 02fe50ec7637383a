"""Talks of many turns: history, tools, trimming, saving."""

from .record import TalkRecord, inconsistency
from .talk import Conversation
from .trimming import Trimmer, turns_of
from .turn import Turn

__all__ = ["Conversation", "TalkRecord", "Trimmer", "Turn", "inconsistency", "turns_of"]
