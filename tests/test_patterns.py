"""Regular expressions take time in proportion to a text, whatever somebody has written.

Every pattern in the source is found and attacked: a beginning that leads into it, then 100 KB of
one piece repeated. A new one needs a row in `BEGINNINGS`. (`static/patterns.test.mjs` does the
same for the browser.)
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from collab.ot import Delta
from collab.protocol.slices import _OBJECTS, _TEXT
from collab.web.names import clean_name
from plugins.bot import commands as bot_commands
from plugins.bot import mentions as bot_mentions
from plugins.chat import mentions as chat_mentions
from plugins.chat import texts as chat_texts
from plugins.comments import texts as comment_texts
from plugins.formats import reading, rich

TOP = Path(__file__).parents[1]
SIZES = (1_000, 10_000, 100_000)
"""Characters of hostile text: what is quadratic is found at the smaller sizes, and soon."""

LIMIT = 0.05
"""Seconds of processor time that 100 KB may take in any case."""

TIMES = 30
"""How many times as long ten times the text may take: of what is linear, but does more."""

METHODS = "match|fullmatch|search|sub|subn|split|findall|finditer"

PIECES = (
    " ", "\t", "\n", "a", "A", "1", ".", "/", ":", "-", "_", "@", "#", "=", "&", "\\", "`", "(",
    ")", "[", "]", "*", "\0", "字", "\U0001f642", "a ", ".1", "/a", "&a", "a:", "\\#", "#a", "a.",
    "{", '"', "},", '{"a":1},', "\\u0061",
)  # fmt: skip
ENDINGS = ("", "!\n")

BEGINNINGS: dict[str, tuple[str, ...]] = {
    # What leads into a pattern, so that the piece is repeated in each of its parts.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]": ("",),
    r"(?P<base>.*)/(?:d/(?P<page>[^/]+)|api/documents/(?P<api>[^/]+)(?:/socket)?)/?": (
        "", "/d/", "/d/a", "/api/documents/", "/api/documents/a/socket",
    ),
    r"[!-~]+": ("",),
    r"[A-Za-z0-9_.-]{1,64}": ("",),
    r"[A-Za-z0-9_.:%-]+": ("",),
    r"secret|password|passwd|token|key": ("", "pass"),
    r"(://[^/:@]*:)[^/@]*@": ("", "://", "://a:", "://a:b"),
    r'[\x00-\x1f/\\:*?"<>|]+': ("",),
    "[\U00010000-\U0010ffff]": ("",),
    r"[a-z][a-z0-9_]{0,31}": ("", "a"),
    r"[a-z][a-z0-9_-]{0,31}": ("", "a"),
    r"[A-Za-z0-9.]{1,16}": ("",),
    r"[\w.+-]+/[\w.+-]+": ("", "a", "a/"),
    r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*": ("", "a", "a.", "a.a"),
    r"[A-Z]+|\*": ("",),
    "#[0-9a-f]{6}": ("", "#"),
    "[^\0\ud800-\udfff]*": ("",),
    r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}": ("", "a"),
    "WebSocket connection|ERR_(CONNECTION|EMPTY_RESPONSE|NETWORK|SOCKET)|Failed to load resource": (
        "", "ERR_",
    ),
    r"https?://[^\s/]+:\d+[^\s]*": ("", "http://", "http://a", "http://a:1"),
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?": (
        "", "http://", "http://[", "http://a:",
    ),
    r":[0-9]+$": ("", ":"),
    r"(x/[a-z0-9_]+/static)(\.p[0-9]+)?(?:\.[0-9]+)*(?=/)": (
        "", "x/", "x/a/static", "x/a/static.1", "x/a/static.p1",
    ),
    r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?": ("", "[", "a:"),
    r"(?:/[A-Za-z0-9_.-]+)+": ("", "/a"),
    r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+": ("", "[", "[a]:", "1:"),
    r"([0-9]{1,6}) ?([smhd])(?=\s)": ("", "10m", "10m "),
    r"[ \t]+(\w+)": ("", " ", " a"),
    r"^([a-z][a-z0-9_-]{0,31})?$": ("", "a"),
    r"language-[A-Za-z0-9+#.-]{1,32}": ("", "language-"),
    r"[0-9]{1,7}": ("",),
    r"text-align:(left|center|right)": ("", "text-align:"),
    r"[ \t\r\n\f]+": ("",),
    "h[1-6]": ("", "h"),
    r"([\\`*_\[\]<>~|]|&(?=#?\w+;))": ("", "&", "&#", "&#a"),
    r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|(\d{1,9})([.)])(?=\s|$)|=+$|-+$|:)": (
        "", " ", "=", "-", "#", "1", " =",
    ),
    r"\n{3,}": ("",),
    "`+": ("",),
    r"[\x00-\x20\x7f]": ("",),
    r"[()<>\\\"]": ("",),
    r"(?<=\s)\S+\Z": ("", " ", " a"),
    r"\A\S+\s+(?=\S)": ("", "a", "a "),
    r"[A-Za-z0-9_][A-Za-z0-9_-]*": ("", "a"),
    r"[ \t\r\n]*+": ("",),
    r"[-+.0-9A-Za-z]++": ("",),
    r'[ \t\r\n]*+"': ("",),
    _OBJECTS.pattern.decode(): ("", "{", '{"', '{"a":[', '{"a":{', '{"a":1},', '{"a":{"b":"'),
    _TEXT.pattern.decode(): ("", "\\u", "\\ud83d", "\\ud83d\\ude"),
    r"^https?://[^/\s]\S*$": ("", "http://", "http://a", "http://a/"),
}  # fmt: skip


class Found(NamedTuple):
    """A pattern of the source: its text (``x`` for a part made elsewhere), and how it is used."""

    place: str
    text: str
    methods: frozenset[str]
    flags: int = 0


def patterns() -> Iterator[Found]:
    sources = {
        path: path.read_text()
        for folder in ("collab", "plugins")
        for path in sorted((TOP / folder).rglob("*.py"))
    }
    for path, source in sources.items():
        tree = ast.parse(source)
        names = {
            id(node.value): ast.unparse(
                node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            )
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign)
        }
        for node in ast.walk(tree):
            place = f"{path.relative_to(TOP)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom):
                assert node.module != "re", f"{place}: import re as a whole"
            if not isinstance(node, ast.Call):
                continue
            if (method := called_of_re(node.func)) == "compile":
                name = names[id(node)].removeprefix("self.")
                own = name.startswith("_")
                used = "\n".join([source] if own else sources.values())
                methods = re.findall(rf"\b{name}\.({METHODS})\(", used)
                assert methods, f"{place}: a pattern that nobody seems to use"
                if isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                    text, flags = written(node.args[0], place), 0
                else:  # put together of others, in its module
                    module = ".".join(path.relative_to(TOP).with_suffix("").parts)
                    pattern = getattr(import_module(module), name)
                    text, flags = pattern.pattern, pattern.flags & re.DOTALL
                    text = text.decode() if isinstance(text, bytes) else text
                yield Found(place, text, frozenset(methods), flags)
            elif method:
                yield Found(place, written(node.args[0], place), frozenset({method}))
            for keyword in node.keywords:
                if keyword.arg == "pattern":  # of msgspec
                    yield Found(place, written(keyword.value, place), frozenset({"search"}))


def called_of_re(function: ast.expr) -> str | None:
    """The name of a function of the module `re` that takes a pattern."""
    if not isinstance(function, ast.Attribute) or ast.unparse(function.value) != "re":
        return None
    return function.attr if function.attr in {"compile", *METHODS.split("|")} else None


def written(node: ast.expr, place: str) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
        )
    assert isinstance(node, ast.Constant), f"{place}: a pattern that can't be read from the source"
    return node.value.decode() if isinstance(node.value, bytes) else str(node.value)


def attack(
    run: Callable[[str], object], beginnings: Sequence[str], pieces: Sequence[str] = PIECES
) -> str | None:
    """The first hostile text that takes too long, described; None when there is none."""
    for beginning, piece, ending in product(beginnings, pieces, ENDINGS):
        before = LIMIT / TIMES
        for size in SIZES:
            text = beginning + piece * (size // len(piece)) + ending
            taken = took(run, text)
            if taken > LIMIT:  # once more: the machine may have been busy with something else
                taken = min(taken, took(run, text))
            if taken > TIMES * before:
                return f"{beginning!r} + {size} × {piece!r} + {ending!r}: {taken:.3f} s"
            before = max(before, taken)
    return None


def took(run: Callable[[str], object], text: str) -> float:
    begin = time.process_time()
    run(text)
    return time.process_time() - begin


FOUND = list(patterns())


def test_each_pattern_has_a_row() -> None:
    # What repeats nothing for ever is linear, whatever it is given.
    missing = {
        found.place: found.text
        for found in FOUND
        if found.text not in BEGINNINGS and re.search(r"[*+]|,\}", found.text)
    }
    assert not missing, "say in BEGINNINGS what leads into these"
    assert not set(BEGINNINGS) - {found.text for found in FOUND}, "these are in no source any more"


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.place)
def test_a_pattern_is_linear(found: Found) -> None:
    assert attack(using(found), BEGINNINGS.get(found.text, ("",))) is None


def using(found: Found) -> Callable[[str], object]:
    """Use a pattern as the source does."""
    pattern = re.compile(found.text, found.flags)
    methods = found.methods

    def run(text: str) -> None:
        if "match" in methods:
            pattern.match(text)
        if "fullmatch" in methods:
            pattern.fullmatch(text)
        if methods - {"match", "fullmatch"}:
            for _ in pattern.finditer(text):
                pass

    return run


@pytest.mark.parametrize(
    ("text", "method", "beginning"),
    [
        (r"(?m)^@bot[ \t]+(\w+)[ \t]*(.*)\n(?!x)", "finditer", "@bot "),
        (r"([0-9]{1,6})[ ]?([smhd])\s+(.+)", "fullmatch", "10m"),
        (r"(?s)^(\s*)(.*?)(\s*)$", "match", "a"),
    ],
)
def test_the_attack_finds_what_is_quadratic(text: str, method: str, beginning: str) -> None:
    """The patterns that there were, each of them quadratic."""
    assert attack(using(Found("", text, frozenset({method}))), (beginning,)) is not None


def cleaned(clean: Callable[[str, int], str]) -> Callable[[str], object]:
    def run(text: str) -> None:
        try:
            clean(text, 10**6)
        except ValueError:
            pass

    return run


def named(text: str) -> None:
    try:
        clean_name(text)
    except ValueError:
        pass


def asked(text: str) -> None:
    try:
        bot_commands.remind(bot_commands.Question(text, "", (), bot_commands.datetime.min))
    except bot_commands.Misunderstood:
        pass


PEOPLE = [chat_mentions.User(f"u{n}", "a" * (n + 1), "") for n in range(40)]

TEXTS: dict[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "bot, mentions": (lambda text: bot_mentions.find(text, "bot"), ("", "@bot ", "@bot a\n")),
    "bot, below": (lambda text: bot_mentions.below(text, len(text) // 2), ("",)),
    "bot, remind": (asked, ("", "10m", "10m ", "10m a")),
    "chat, mentions": (lambda text: chat_mentions.find(text, PEOPLE), ("", "@a ")),
    "chat, clean": (cleaned(chat_texts.clean), ("",)),
    "comments, clean": (cleaned(comment_texts.clean), ("",)),
    "names": (named, ("", "a")),
    "quotation": (lambda text: comment_texts.quotation(Delta().insert(text), 0, 50), ("",)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_reads_a_text_is_linear(name: str) -> None:
    run, beginnings = TEXTS[name]
    assert attack(run, beginnings) is None


@pytest.mark.parametrize("style", [{}, {"header": 1}, {"bold": True}, {"code": True}])
def test_writing_markdown_is_linear(style: dict[str, object]) -> None:
    def run(text: str) -> None:
        line = {k: v for k, v in style.items() if k == "header"}
        rich.to_markdown([
            {"insert": text, "attributes": style},
            {"insert": "\n", "attributes": line},
        ])  # fmt: skip

    assert attack(run, ("", "a", "\\"), (" ", "#", "\\", "`", "a ", "\n")) is None


def test_reading_many_words_does_not_join_them_one_by_one() -> None:
    """Two million characters of short words were joined word by word, each time as a whole."""
    html = "<p>" + "a <b>b</b> c " * 20_000 + "</p>"
    assert took(reading.from_html, html) < 30 * took(reading.from_html, html[: len(html) // 10])
