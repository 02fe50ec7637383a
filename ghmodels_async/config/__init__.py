"""Settings: argument before environment before file; and the addresses they lead to."""

from .endpoint import Endpoint, endpoint_of
from .settings import Settings, resolve

__all__ = ["Endpoint", "Settings", "endpoint_of", "resolve"]
