"""HTML read as rich text: ops with Quill's attributes, as `Delta` takes them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from .markup import harmless

_INLINE: dict[str, dict[str, Any]] = {
    "b": {"bold": True}, "strong": {"bold": True},
    "i": {"italic": True}, "em": {"italic": True}, "var": {"italic": True},
    "u": {"underline": True}, "ins": {"underline": True},
    "s": {"strike": True}, "del": {"strike": True}, "strike": {"strike": True},
    "code": {"code": True}, "kbd": {"code": True}, "samp": {"code": True},
    "sub": {"script": "sub"}, "sup": {"script": "super"},
}
_BLOCKS = {
    "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "blockquote", "pre",
    "table", "thead", "tbody", "tfoot", "tr", "dl", "dt", "dd", "hr",
}
_EMPTY = {"br", "hr", "img"}
_SPACE = re.compile(r"[ \t\r\n\f]+")


def from_html(html: str) -> list[dict[str, Any]]:
    """What a page or a fragment of HTML says, without anything that runs.

    Cells of tables become words in one line, between bars.
    """
    reader = _Reader()
    reader.feed(harmless(html, images=True))
    reader.close()
    return reader.ops()


class _Reader(HTMLParser):
    """Reads what `harmless` has made: elements that are closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._ops: list[dict[str, Any]] = []
        self._open: list[tuple[str, dict[str, Any]]] = []
        """Elements that are open, with the style of their text."""
        self._lists: list[str] = []
        self._quotes = 0
        self._pre = 0
        self._header = 0
        self._item = False
        self._begun = False
        """Whether the present line has anything in it."""
        self._space: dict[str, Any] | None = None
        """The style of a space that is due before the next word; None when none is."""

    def ops(self) -> list[dict[str, Any]]:
        """The document so far, neighbours of one style joined."""
        self._end_line()
        joined: list[dict[str, Any]] = []
        texts: list[str] = []
        """Of neighbours so far, which become one op."""
        style: dict[str, Any] | None = None

        def join() -> None:
            if texts:
                joined.append({"insert": "".join(texts)} | ({"attributes": style} if style else {}))
                texts.clear()

        for op in self._ops:
            if not isinstance(op["insert"], str):
                join()
                joined.append(op)
                continue
            if op.get("attributes") != style:
                join()
                style = op.get("attributes")
            texts.append(op["insert"])
        join()
        return joined

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _BLOCKS:
            self._end_line()
        if tag == "br":
            self._newline()
        elif tag == "hr":
            self._put("* * *", {})
            self._end_line()
        elif tag == "img":
            if given.get("src"):
                self._put_space()
                named = {"alt": given["alt"]} if given.get("alt") else {}
                self._put({"image": given["src"]}, self._style() | named)
        elif tag in ("td", "th") and self._begun:
            self._put(" | ", {})
            self._space = None
        if tag in _EMPTY:
            return
        style = dict(_INLINE.get(tag, {}))
        if tag == "a" and given.get("href"):
            style["link"] = given["href"]
        self._open.append((tag, self._style() | style))
        if tag in ("ul", "ol"):
            self._lists.append("ordered" if tag == "ol" else "bullet")
        elif tag == "li":
            self._item = True
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._pre += 1
        elif re.fullmatch("h[1-6]", tag):
            self._header = int(tag[1])

    def handle_endtag(self, tag: str) -> None:
        if tag in _EMPTY or not any(open == tag for open, _ in reversed(self._open)):
            return
        if tag in _BLOCKS:
            self._end_line()
        while self._open:
            closed, _ = self._open.pop()
            if closed in ("ul", "ol"):
                self._lists.pop()
            elif closed == "li":
                self._item = False
            elif closed == "blockquote":
                self._quotes -= 1
            elif closed == "pre":
                self._pre -= 1
            elif re.fullmatch("h[1-6]", closed):
                self._header = 0
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._pre:
            for number, text in enumerate(data.split("\n")):
                if number:
                    self._newline()
                if text:
                    self._put(text, {})
            return
        for number, word in enumerate(_SPACE.split(data)):
            if number and self._space is None:
                self._space = self._style()
            if word:
                self._put_space()
                self._put(word, self._style())

    def _put_space(self) -> None:
        if self._space is not None and self._begun:
            self._put(" ", self._space)
        self._space = None

    def _style(self) -> dict[str, Any]:
        return self._open[-1][1] if self._open else {}

    def _put(self, content: str | dict[str, Any], style: dict[str, Any]) -> None:
        op: dict[str, Any] = {"insert": content}
        if style and not self._pre:
            op["attributes"] = style
        self._ops.append(op)
        self._begun = True

    def _end_line(self) -> None:
        if self._begun:
            self._newline()

    def _newline(self) -> None:
        style: dict[str, Any] = {}
        if self._pre:
            style["code-block"] = True
        elif self._header:
            style["header"] = self._header
        elif self._lists and self._item:
            style["list"] = self._lists[-1]
            if len(self._lists) > 1:
                style["indent"] = min(len(self._lists) - 1, 8)
        elif self._quotes:
            style["blockquote"] = True
        op: dict[str, Any] = {"insert": "\n"}
        if style:
            op["attributes"] = style
        self._ops.append(op)
        self._begun = False
        self._space = None
