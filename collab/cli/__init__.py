"""The ``collab`` command: what a person types, and the server that it starts."""

from collab.cli.main import main

__all__ = ["main"]
