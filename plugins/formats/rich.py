"""Rich text as HTML and as Markdown.

A rich document is a list of ops as `Delta.ops` gives them, with Quill's attributes: those of a
line stand at its newline. What has no counterpart in a format is left out there, its text is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from .markup import SCHEMES, harmless

Ops = Sequence[dict[str, Any]]
Attributes = dict[str, Any]


class Piece(NamedTuple):
    """Some text of one line in one style, or an embed."""

    content: str | dict[str, Any]
    style: Attributes


class Line(NamedTuple):
    """A line without its newline, and what the newline says of it."""

    pieces: list[Piece]
    style: Attributes

    @property
    def text(self) -> str:
        return "".join(
            piece.content for piece in self.pieces if isinstance(piece.content, str)
        )


def lines(ops: Ops) -> Iterator[Line]:
    """A document's lines; the last one needs no newline."""
    pieces: list[Piece] = []
    for op in ops:
        content, style = op["insert"], op.get("attributes", {})
        if not isinstance(content, str):
            pieces.append(Piece(content, style))
            continue
        *ended, rest = content.split("\n")
        for text in ended:
            if text:
                pieces.append(Piece(text, style))
            yield Line(pieces, style)
            pieces = []
        if rest:
            pieces.append(Piece(rest, style))
    if pieces:
        yield Line(pieces, {})


# HTML

_INLINE = {
    "bold": "strong", "italic": "em", "underline": "u", "strike": "s", "code": "code",
}
_SCRIPTS = {"sub": "sub", "super": "sup"}
_LISTS = {"ordered": "ol", "bullet": "ul", "checked": "ul", "unchecked": "ul"}
DEPTH = 8
"""Lists within lists."""


def to_html(ops: Ops) -> str:
    """A document as harmless HTML; its pictures stay."""
    out: list[str] = []
    opened: list[str] = []  # lists that are open, the outermost first
    block = ""  # "pre" or "blockquote" while one is open

    def close(depth: int) -> None:
        while len(opened) > depth:
            out.append(f"</li></{opened.pop()}>")

    for line in lines(ops):
        style = line.style
        kind = _LISTS.get(str(style.get("list")))
        wanted = ""
        if style.get("code-block"):
            wanted = "pre"
        elif style.get("blockquote"):
            wanted = "blockquote"
        if block and block != wanted:
            out.append("</code></pre>" if block == "pre" else "</blockquote>")
            block = ""
        if kind is None or wanted:
            close(0)
        if wanted and not block:
            out.append("<pre><code>" if wanted == "pre" else "<blockquote>")
            block = wanted
        if wanted == "pre":
            out.append(escape(line.text) + "\n")
        elif kind is not None and not wanted:
            depth = min(_whole(style.get("indent")), DEPTH) + 1
            close(depth)
            if len(opened) == depth and opened[-1] != kind:
                close(depth - 1)
            if len(opened) == depth:
                out.append("</li>")
            while len(opened) < depth:
                if opened and out[-1].endswith((f"<{opened[-1]}>", "</li>")):
                    out.append("<li>")
                opened.append(kind)
                out.append(f"<{kind}>")
            box = {"checked": "☑ ", "unchecked": "☐ "}.get(str(style.get("list")), "")
            out.append(f"<li>{box}{_inline(line)}")
        else:
            level = _whole(style.get("header"))
            tag = f"h{level}" if 1 <= level <= 6 else "p"
            out.append(f"<{tag}>{_inline(line) or '<br>'}</{tag}>\n")
    close(0)
    if block:
        out.append("</code></pre>" if block == "pre" else "</blockquote>")
    return harmless("".join(out), images=True)


def _inline(line: Line) -> str:
    return "".join(_html(piece) for piece in line.pieces)


def _html(piece: Piece) -> str:
    content, style = piece
    html = escape(content) if isinstance(content, str) else _embed(content, style)
    for name, tag in _INLINE.items():
        if style.get(name):
            html = f"<{tag}>{html}</{tag}>"
    script = _SCRIPTS.get(str(style.get("script")))
    if script:
        html = f"<{script}>{html}</{script}>"
    link = style.get("link")
    if isinstance(link, str):
        html = f'<a href="{escape(link)}">{html}</a>'
    return html


def _embed(content: dict[str, Any], style: Attributes) -> str:
    ((kind, value),) = content.items()
    if kind == "image" and isinstance(value, str):
        return f'<img src="{escape(value)}" alt="{escape(str(style.get("alt", "")))}">'
    if kind == "video" and isinstance(value, str):
        return f'<a href="{escape(value)}">{escape(value)}</a>'
    if kind == "divider":
        return "<hr>"
    return f"<code>{escape(value)}</code>" if isinstance(value, str) else ""


def _whole(value: object) -> int:
    """A level or an indent; 0 for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:3])
    return value if isinstance(value, int) and value > 0 else 0


# Markdown

_SPECIAL = re.compile(r"([\\`*_\[\]<>~|]|&(?=#?\w+;))")
_BEGINS = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|(\d{1,9})([.)])(?=\s|$)|=+$|-+$|:)")
_MARKS = (("bold", "**"), ("italic", "*"), ("strike", "~~"))


def to_markdown(ops: Ops) -> str:
    """A document as Markdown: underlining, sizes and colours are left out."""
    out: list[str] = []
    before = ""  # the kind of the line before
    numbers: dict[int, int] = {}
    for line in lines(ops):
        style = line.style
        depth = min(_whole(style.get("indent")), DEPTH)
        if style.get("code-block"):
            kind, text = "code", line.text
            if before != "code":
                out += ["", "```"] if out else ["```"]
        else:
            if before == "code":
                out.append("```")
            kind, text = _block(line, depth, numbers)
            if out and not (kind == before and kind in ("list", "quote")):
                out.append("")
        if kind != "list":
            numbers.clear()
        out.append(text)
        before = kind
    if before == "code":
        out.append("```")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip("\n") + "\n" if out else ""


def _block(line: Line, depth: int, numbers: dict[int, int]) -> tuple[str, str]:
    style, text = line.style, _BEGINS.sub(_escaped_beginning, _markdown(line))
    listed = style.get("list")
    if listed in _LISTS:
        for deeper in [one for one in numbers if one > depth]:
            del numbers[deeper]
        if listed == "ordered":
            numbers[depth] = numbers.get(depth, 0) + 1
            mark = f"{numbers[depth]}. "
        else:
            mark = {"checked": "- [x] ", "unchecked": "- [ ] "}.get(str(listed), "- ")
        return "list", "    " * depth + mark + text
    if style.get("blockquote"):
        return "quote", f"> {text}".rstrip()
    level = _whole(style.get("header"))
    if 1 <= level <= 6:
        return "header", f"{'#' * level} {_unclosed(text)}".rstrip()
    return "text", text


def _escaped_beginning(match: re.Match[str]) -> str:
    space, whole, number, dot = match.groups()
    return f"{space}{number}\\{dot}" if number else f"{space}\\{whole}"


def _unclosed(heading: str) -> str:
    """A heading's text; a row of "#" at its end would close it, and be left out."""
    text = heading.rstrip("#")
    marks = len(heading) - len(text)
    if marks and text.endswith("\\"):
        text, marks = text + "#", marks - 1
    return text + marks * "\\#"


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def _markdown(line: Line) -> str:
    return "".join(_marked(piece) for piece in line.pieces).strip()


def _marked(piece: Piece) -> str:
    content, style = piece
    link = style.get("link")
    if not isinstance(content, str):
        ((kind, value),) = content.items()
        alt = _SPECIAL.sub(_escaped, " ".join(str(style.get("alt", "")).split()))
        text = f"![{alt}]({_address(value)})" if kind == "image" and _address(value) else ""
    elif style.get("code"):
        ticks = "`" * (max((len(run) for run in re.findall("`+", content)), default=0) + 1)
        pad = " " if content.startswith("`") or content.endswith("`") else ""
        text = f"{ticks}{pad}{content}{pad}{ticks}"
    else:
        begin = len(content) - len(content.lstrip())
        end = max(begin, len(content.rstrip()))
        before, after = content[:begin], content[end:]
        inside = _SPECIAL.sub(_escaped, content[begin:end])
        for name, mark in _MARKS:
            if style.get(name) and inside:
                inside = f"{mark}{inside}{mark}"
        text = f"{before}{inside}{after}"
    if _address(link) and text.strip():
        text = f"[{text}]({_address(link)})"
    return text


def _address(value: object) -> str:
    """An address that may stand in a link, with nothing in it that would end one; else empty."""
    if not isinstance(value, str):
        return ""
    address = re.sub(r"[\x00-\x20\x7f]", "", value)
    scheme, colon, _ = address.partition(":")
    if not colon or scheme.lower() not in SCHEMES:
        return ""
    return re.sub(r"[()<>\\\"]", lambda match: f"%{ord(match[0]):02X}", address)
