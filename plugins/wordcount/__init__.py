"""How long the text is. All of it happens in the browser, where the text and the selection are."""

from __future__ import annotations

from collab import Plugin


class WordCount(Plugin):
    """Show how many words and characters the document has, and what is selected of them."""
