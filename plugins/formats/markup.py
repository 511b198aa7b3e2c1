"""Markdown to HTML, and HTML made harmless.

Whatever HTML is shown to anybody, or read from a file, has gone through `harmless`: an allowlist
of elements and attributes, none of which runs or loads anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

SCHEMES = {"http", "https", "mailto"}
"""Where links may lead. Addresses without a scheme are dropped: there is nothing beside a file."""

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q",
    "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "u", "ul", "var",
}

DROPPED = {
    "script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math",
    "title", "head", "textarea", "select", "noembed", "noframes", "xmp", "plaintext",
}
"""Elements that go with everything in them."""

CLASSES = {"left", "center", "right"}
"""Of table cells: how a column is aligned."""

LINE = "data-line"

ATTRIBUTES = {
    "*": {LINE},
    "a": {"href", "title"},
    "abbr": {"title"},
    "code": {"class"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"class", "colspan", "rowspan"},
    "th": {"class", "colspan", "rowspan"},
}

_LANGUAGE = re.compile(r"language-[A-Za-z0-9+#.-]{1,32}")
_NUMBER = re.compile(r"[0-9]{1,7}")
_ALIGNED = re.compile(r"text-align:(left|center|right)")


def harmless(html: str, *, images: bool = False) -> str:
    """A fragment of HTML without anything that runs, loads, or looks like the page around it.

    With ``images``, pictures from ``http:`` and ``https:`` addresses stay.
    """
    return nh3.clean(
        html,
        tags=TAGS | {"img"} if images else TAGS,
        clean_content_tags=DROPPED,
        attributes=ATTRIBUTES,
        attribute_filter=_filtered,
        url_schemes=SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


def _filtered(tag: str, name: str, value: str) -> str | None:
    fits = True
    if name == "class":
        fits = bool(_LANGUAGE.fullmatch(value)) if tag == "code" else value in CLASSES
    elif name in ("colspan", "rowspan", "start", LINE):
        fits = bool(_NUMBER.fullmatch(value))
    elif name == "src":
        fits = value.strip().lower().startswith(("http://", "https://"))
    return value if fits else None


def render(markdown: str, *, images: bool = False, lines: bool = False) -> str:
    """Markdown (CommonMark, with tables and strikethrough) as harmless HTML.

    Without ``images`` a picture becomes a link to it. With ``lines`` outer blocks say by an
    attribute ``data-line`` which line of the source they begin at, counted from 0.
    """
    parser = _parser()
    tokens = parser.parse(markdown)
    _align(tokens)
    if not images:
        _unpicture(tokens)
    if lines:
        for token in tokens:
            if token.level == 0 and token.map and token.nesting >= 0:
                token.attrs[LINE] = str(token.map[0])
    html = parser.renderer.render(tokens, parser.options, {})
    assert isinstance(html, str)
    return harmless(html, images=images)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _align(tokens: Sequence[Token]) -> None:
    """Say by a class what the renderer says by a style, which pages don't admit."""
    for token in tokens:
        aligned = _ALIGNED.fullmatch(str(token.attrs.pop("style", "")))
        if aligned:
            token.attrs["class"] = aligned[1]


def _unpicture(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if not token.children:
            continue
        children: list[Token] = []
        for child in token.children:
            if child.type != "image":
                children.append(child)
                continue
            text = Token("text", "", 0, content=child.content or "picture")
            opening = Token("link_open", "a", 1, attrs={"href": child.attrs.get("src", "")})
            children += (opening, text, Token("link_close", "a", -1))
        token.children = children


_PAGE = """<!doctype html>
<html lang="">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; {policy}">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
body {{ font: 1.0625rem/1.6 system-ui, sans-serif; }}
pre {{ overflow: auto; }} pre, code {{ font-family: ui-monospace, monospace; }}
table {{ border-collapse: collapse; }} td, th {{ border: 1px solid; padding: 0.2em 0.6em; }}
blockquote {{ margin-left: 0; padding-left: 1em; border-left: 3px solid; }}
.center {{ text-align: center; }} .right {{ text-align: right; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """A whole page around harmless HTML; on its own it loads pictures at most."""
    policy = "style-src 'unsafe-inline'; img-src http: https:"
    return _PAGE.format(policy=policy, title=escape(title), body=body)
