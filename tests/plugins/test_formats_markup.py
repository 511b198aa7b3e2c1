"""formats: what people wrote becomes HTML that does nothing, and comes back as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from collab.plugins.formats.markup import SCHEMES, TAGS, harmless, page, render
from collab.plugins.formats.reading import from_html
from collab.plugins.formats.rich import to_html, to_markdown
from hypothesis import given
from hypothesis import strategies as st

from collab.ot import Delta, document_type

LINKS = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "java\tscript:alert(1)",
    " javascript:alert(1)", "\x01javascript:alert(1)", "&#106;avascript:alert(1)",
    "&#x6A&#x61vascript:alert(1)", "javascript&colon;alert(1)", "jav&#x0A;ascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)", "blob:https://evil/1", "file:///etc/passwd", "//evil.example/x",
    "\\\\evil\\x", "/api/documents", "?x", "livescript:x", "mocha:x", "feed:javascript:alert(1)",
    "view-source:javascript:alert(1)", "intent://x#Intent;end", "filesystem:http://x/",
]

SNIPPETS = [
    "<script>alert(1)</script>", "<SCRIPT SRC=//evil></SCRIPT>",
    "<scr<script>ipt>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "<img/src=x/onerror=alert(1)>", "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "<svg><style><img src=x onerror=alert(1)></style>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>", "<embed src=javascript:alert(1)>",
    "<link rel=stylesheet href=//evil>", "<meta http-equiv=refresh content='0;url=javascript:x'>",
    "<base href=//evil/>", "<form action=javascript:alert(1)><button>x</button></form>",
    "<input autofocus onfocus=alert(1)>", "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>", "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>", "<a href=javascript:alert(1) style=color:red>x</a>",
    "<p style='background:url(javascript:alert(1))'>x</p>", "<style>@import '//evil';</style>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>", "<isindex action=javascript:alert(1)>",
    "<textarea><img src=x onerror=alert(1)></textarea>", "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>", "<xss id=x tabindex=1 onfocus=alert(1)>",
    "<b id=collab-config class=cm-editor name=x onclick=alert(1)>x</b>", "<a href='x' onclick=y>z",
    "<table background=javascript:alert(1)><td background=x>y</table>", "<x:script>1</x:script>",
    "<p data-line='1\" onmouseover=\"x'>y</p>", "<code class='language-x\" onclick=\"y'>z</code>",
    "<div popover id=me-card>x</div>", "<label for=title>x</label>", "<slot name=x>y</slot>",
    "<img src='//evil/x.png'>", "<img srcset='//evil/x 1x'>", "<image href=//evil>",
]

ATTACKS = [
    *SNIPPETS,
    *(f"<a href='{link}'>x</a>" for link in LINKS),
    *(f"<img src='{link}'>" for link in LINKS),
    *(f"<b><i><p>{snippet}</p></i></b>" for snippet in SNIPPETS),
]

MARKDOWN = [
    *ATTACKS,
    *(f"[x]({link})" for link in LINKS),
    *(f"[x](<{link}>)" for link in LINKS),
    *(f"![x]({link})" for link in LINKS),
    *(f"[x]: {link}\n\n[x] ![x]" for link in LINKS),
    *(f"<{link}>" for link in LINKS),
    "```\"><script>alert(1)</script>\nx\n```", "```x\" onclick=\"y\nz\n```",
    "| <script>x</script> |\n|-|\n| <img src=x onerror=y> |", "# <svg onload=x>",
    "[x](https://a 'b\" onclick=\"c')", "[a](https://x\"onclick=y)", "> <script>x</script>",
]

ALLOWED = {
    "data-line": re.compile(r"\d+"),
    "href": re.compile(r"(?:https?|mailto):[^\x00-\x20]*", re.IGNORECASE),
    "src": re.compile(r"https?://[^\x00-\x20]*", re.IGNORECASE),
    "class": re.compile(r"left|center|right|language-[\w.#+-]+"),
    "rel": re.compile("noopener noreferrer nofollow"),
    "title": re.compile(r"[^\0]*"),
    "alt": re.compile(r"[^\0]*"),
    "start": re.compile(r"\d+"),
}


class Judge(HTMLParser):
    """Objects to everything that is not known to be harmless."""

    def __init__(self, images: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.tags = TAGS | {"img"} if images else TAGS

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.tags
        for name, value in attrs:
            assert name in ALLOWED and ALLOWED[name].fullmatch(value or ""), (tag, name, value)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    handle_pi = unknown_decl = handle_comment


def judge(html: str, images: bool = False) -> None:
    judge = Judge(images)
    judge.feed(html)
    judge.close()
    assert judge.rawdata == "", "nothing is left open"


@pytest.mark.parametrize("attack", ATTACKS)
def test_html_is_made_harmless(attack: str) -> None:
    for images in (False, True):
        judge(harmless(attack, images=images), images)
    assert harmless(harmless(attack)) == harmless(attack), "once is enough"


@pytest.mark.parametrize("attack", MARKDOWN)
def test_markdown_becomes_harmless_html(attack: str) -> None:
    judge(render(attack, lines=True))
    judge(render(f"- x\n\n  {attack}\n", images=True), images=True)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_read_from_html_is_harmless_wherever_it_goes(attack: str) -> None:
    ops = from_html(attack)
    document_type("richtext").validate(Delta(ops))
    for op in ops:
        link = op.get("attributes", {}).get("link", "https:")
        assert link.partition(":")[0].lower() in SCHEMES
    judge(to_html(ops), images=True)
    judge(render(to_markdown(ops), images=True), images=True)


@pytest.mark.parametrize("link", LINKS)
def test_links_in_rich_text_lead_nowhere_bad(link: str) -> None:
    ops = [
        {"insert": "x", "attributes": {"link": link}},
        {"insert": {"image": link}}, {"insert": {"video": link}},
        {"insert": "y", "attributes": {"bold": "<script>", "script": link, "unknown": link}},
        {"insert": "\n", "attributes": {"header": link, "list": link, "indent": link}},
    ]
    judge(to_html(ops), images=True)
    judge(render(to_markdown(ops), images=True), images=True)


def test_markdown_is_rendered() -> None:
    table = "| j | k |\n|--|--:|\n| l | m |"
    html = render(f"# A *b*\n\n~~c~~ [d](https://e/?f&g \"h\")\n\n- i\n\n{table}")
    assert "<h1>A <em>b</em></h1>" in html
    assert '<s>c</s> <a href="https://e/?f&amp;g" title="h" rel=' in html
    assert "<li>i</li>" in html and '<td class="right">m</td>' in html


def test_blocks_know_their_lines() -> None:
    html = render("# a\n\nb\nc\n\n```\nd\n```\n\n- e\n", lines=True)
    assert re.findall(r'<(\w+) data-line="(\d+)"', html) == [
        ("h1", "0"), ("p", "2"), ("code", "5"), ("ul", "9"),
    ]


def test_pictures_become_links_where_they_are_not_wanted() -> None:
    assert "<img" not in render("![a](https://b/c.png)")
    assert '<a href="https://b/c.png"' in render("![a](https://b/c.png)")
    assert '<img src="https://b/c.png" alt="a">' in render("![a](https://b/c.png)", images=True)


def test_a_page_runs_nothing_and_names_its_title_as_text() -> None:
    made = page("</title><script>alert(1)</script>", "<p>x</p>")
    assert "<script" not in made
    assert "default-src 'none'" in made


def test_rich_text_becomes_html_and_markdown() -> None:
    ops = [
        {"insert": "Title"}, {"insert": "\n", "attributes": {"header": 2}},
        {"insert": "bold", "attributes": {"bold": True}}, {"insert": " & <plain>\n"},
        {"insert": "one"}, {"insert": "\n", "attributes": {"list": "ordered"}},
        {"insert": "deep"}, {"insert": "\n", "attributes": {"list": "bullet", "indent": 1}},
        {"insert": "two"}, {"insert": "\n", "attributes": {"list": "ordered"}},
        {"insert": "quote"}, {"insert": "\n", "attributes": {"blockquote": True}},
        {"insert": "x < y"}, {"insert": "\n", "attributes": {"code-block": True}},
        {"insert": "end"},
    ]
    assert to_html(ops).replace("\n", "") == (
        "<h2>Title</h2><p><strong>bold</strong> &amp; &lt;plain&gt;</p>"
        "<ol><li>one<ul><li>deep</li></ul></li><li>two</li></ol>"
        "<blockquote><p>quote</p></blockquote><pre><code>x &lt; y</code></pre><p>end</p>"
    )
    assert to_markdown(ops) == (
        "## Title\n\n**bold** & \\<plain\\>\n\n1. one\n    - deep\n2. two\n\n> quote\n\n"
        "```\nx < y\n```\n\nend\n"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b <b> c</b></p>", "a\nb c\n"),
        ("a<br>b", "a\nb\n"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "a\nb\nc\n"),
        ("<pre>a\n  b</pre>c", "a\n  b\nc\n"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a | b\nc\n"),
        ("<head><title>t</title><style>s</style></head><body>a", "a\n"),
        ("", ""), ("   ", ""), ("a&amp;&lt;b&nbsp;c", "a&<b\xa0c\n"),
    ],
)
def test_html_is_read_as_people_see_it(html: str, text: str) -> None:
    assert "".join(op["insert"] for op in from_html(html)) == text


WORDS = st.text(
    st.sampled_from("abc 12.)#*_`[]()<>&!~|\\-+=>é汉👩;:/\"'"), min_size=1, max_size=12
).map(lambda text: " ".join(text.split())).filter(bool)
STYLES = st.sampled_from([{}, {}, {"header": 1}, {"list": "bullet"}, {"blockquote": True}])


@given(st.lists(st.tuples(WORDS, STYLES), max_size=6))
def test_text_survives_markdown_and_html(given: list[tuple[str, dict[str, object]]]) -> None:
    ops: list[dict[str, object]] = []
    for text, style in given:
        ops += ({"insert": text}, {"insert": "\n", "attributes": style})
    told = " ".join(text for text, _ in given).split()
    for html in (to_html(ops), render(to_markdown(ops))):
        again = "".join(str(op["insert"]) for op in from_html(html))
        assert again.split() == told


@given(st.text(max_size=60))
def test_any_text_at_all_becomes_harmless_html(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    judge(render(text, lines=True))
    judge(harmless(text, images=True), images=True)
    from_html(text)
