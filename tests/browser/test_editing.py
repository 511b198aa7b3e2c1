"""People write one document together in their browsers."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.people import House

pytestmark = pytest.mark.browser


def holds_in_order(text: str, typed: str) -> bool:
    """Whether the letters of ``typed`` are in ``text`` in their order, others perhaps between."""
    rest = iter(text)
    return all(letter in rest for letter in typed)


async def test_two_type_at_once(house: House) -> None:
    document = await house.document("Alpha:\nBeta:\n")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(len("Alpha:"))
    await bob.put_caret(len("Alpha:\nBeta:"))
    first, second = " the quick brown fox", " jumps over the lazy dog"
    await asyncio.gather(ada.type(first, delay=15), bob.type(second, delay=12))
    await ada.saved()
    await bob.saved()
    wanted = f"Alpha:{first}\nBeta:{second}\n"
    await asyncio.gather(ada.sees(wanted), bob.sees(wanted))
    assert await house.text(document) == wanted


async def test_two_type_at_the_same_place(house: House) -> None:
    document = await house.document()
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(0)
    await bob.put_caret(0)
    house.wire.delay = 0.05  # so that they can't see each other's letters in time
    first, second = "abcdefghijklm", "NOPQRSTUVWXYZ"
    await asyncio.gather(ada.type(first, delay=5), bob.type(second, delay=5))
    text = await house.everybody_sees_the_same(document)
    assert sorted(text) == sorted(first + second)
    assert holds_in_order(text, first)
    assert holds_in_order(text, second)


async def test_a_remote_edit_leaves_caret_selection_and_scrolling(house: House) -> None:
    lines = [f"Line {number}, with some words in it." for number in range(400)]
    text = "\n".join(lines)
    document = await house.document(text)
    ada = await house.person()
    await ada.open(document)
    place = text.index("Line 200")
    await ada.put_caret(place, place + 8)
    await ada.editor(
        """const scroll = EditorView.scrollIntoView(argument, { y: "center" });
        view.dispatch({ effects: scroll });""",
        place,
    )
    top = "return Math.round(view.coordsAtPos(argument).top);"
    before = await ada.editor(top, place)

    more = "A new first line.\n" * 5
    await house.write(document, more + text)
    await ada.sees(more + text)
    place += len(more)
    selected = await ada.editor(
        "const { from, to } = view.state.selection.main; return view.state.sliceDoc(from, to);"
    )
    assert selected == "Line 200"
    await ada.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(drawn))")
    assert abs(await ada.editor(top, place) - before) <= 2

    # At the very caret the other's text lands behind it, and one's own goes on where it was.
    await ada.put_caret(0)
    await house.write(document, "[theirs]" + more + text)
    await ada.sees("[theirs]" + more + text)
    assert await ada.caret() == 0
    await ada.type("mine")
    await ada.sees("mine[theirs]" + more + text)
    await ada.saved()


async def test_undo_takes_back_only_ones_own(house: House) -> None:
    document = await house.document("one two three")
    ada = await house.person()
    await ada.open(document)
    await ada.put_caret(len("one two three"))
    await ada.type(" mine")
    await ada.saved()
    await house.write(document, "zero one two three mine, theirs")
    await ada.sees("zero one two three mine, theirs")
    await ada.page.keyboard.press("Control+z")
    await ada.sees("zero one two three, theirs")
    await ada.page.keyboard.press("Control+Shift+z")
    await ada.sees("zero one two three mine, theirs")
    for _ in range(5):
        await ada.page.keyboard.press("Control+z")
    await ada.sees("zero one two three, theirs")
    assert await house.everybody_sees_the_same(document) == "zero one two three, theirs"


async def test_characters_of_every_kind(house: House) -> None:
    document = await house.document("carriage\r\nreturn\tafter 😀\n")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    assert await ada.text() == "carriage\r\nreturn\tafter 😀\n"
    # In the midst of a document that holds a "\r", positions are right.
    await ada.put_caret(len("carriage\r\nreturn"))
    await ada.type("ed")
    await ada.page.keyboard.press("Control+End")
    await ada.page.keyboard.insert_text("👨‍👩‍👧‍👦 é 日本語 שלום")
    await ada.page.keyboard.press("Backspace")
    # What is pasted from another system has one kind of line end here.
    foreign = " \r\n\r\npasted\rtwice"
    await ada.page.evaluate("(text) => navigator.clipboard.writeText(text)", foreign)
    await ada.page.keyboard.press("Control+v")
    wanted = "carriage\r\nreturned\tafter 😀\n👨‍👩‍👧‍👦 é 日本語 שלו \n\npasted\ntwice"
    await bob.sees(wanted)
    assert await house.everybody_sees_the_same(document) == wanted


async def test_an_edit_never_cuts_a_character(house: House) -> None:
    document = await house.document("a😀b")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    # 😀 and 😁 differ in their second half only, and that is what a browser may report.
    await ada.editor('view.dispatch({ changes: { from: 2, to: 3, insert: "\\ude01" } });')
    await bob.sees("a😁b")
    await house.write(document, "ab")
    await ada.sees("ab")
    await ada.put_caret(0)
    await ada.page.keyboard.press("Control+z")
    await ada.editor('view.dispatch({ changes: { from: 1, insert: "\\ud83d" } });')
    text = await house.everybody_sees_the_same(document)
    assert text.replace("😀", "").replace("😁", "") == "a�b"


async def test_an_input_method_composes_while_others_write(house: House) -> None:
    document = await house.document("start\n\n")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(len("start\n\n"))
    method = await ada.context.new_cdp_session(ada.page)

    async def compose(text: str) -> None:
        await method.send(
            "Input.imeSetComposition",
            {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
        )

    await compose("に")
    await compose("にほ")
    await bob.put_caret(0)
    await bob.type("Bob: ")
    await ada.sees("Bob: start\n\nにほ")
    await compose("にほん")
    await method.send("Input.insertText", {"text": "日本"})
    await bob.sees("Bob: start\n\n日本")
    assert await house.everybody_sees_the_same(document) == "Bob: start\n\n日本"


async def test_hidden_directions_are_shown(house: House) -> None:
    hidden = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b"
    document = await house.document(f"if {hidden} then")
    ada = await house.person()
    await ada.open(document)
    shown = ada.page.locator(".cm-specialChar")
    assert await shown.count() == len(hidden)
    assert await shown.first.get_attribute("title") == "left-to-right embedding"


async def test_a_large_document_is_typed_in_without_delay(house: House) -> None:
    text = ("lorem ipsum dolor sit amet " * 40 + "\n") * 1000  # 1.08 million
    document = await house.document(text)
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    middle = len(text) // 2
    await ada.put_caret(middle)
    milliseconds = await ada.editor(
        """const start = performance.now();
        for (let i = 0; i < 100; i++) {
          view.dispatch({ changes: { from: argument + i, insert: "x" }, userEvent: "input.type" });
        }
        return (performance.now() - start) / 100;""",
        middle,
    )
    assert milliseconds < 16, "a key costs more than a frame"
    await bob.sees_text("text.slice(argument, argument + 100) === 'x'.repeat(100)", middle)
    assert await house.everybody_sees_the_same(document) == (
        text[:middle] + "x" * 100 + text[middle:]
    )


async def test_who_may_only_read(house: House) -> None:
    document = await house.document("Read me.")
    ada = await house.person()

    def without_write(message: str | bytes) -> str:
        assert isinstance(message, str)
        return message.replace('["read","write"]', '["read"]')

    def meet(socket: object) -> None:
        server = socket.connect_to_server()  # WebSocketRoute
        server.on_message(lambda message: socket.send(without_write(message)))

    await ada.page.route_web_socket("**/socket", meet)
    await ada.open(document)
    assert await ada.page.inner_text("#status .status-text") == "Read only"
    await ada.page.click(".cm-content")
    await ada.type("no")
    assert await ada.text() == "Read me."
    assert await ada.page.locator("#title").get_attribute("readonly") is not None
    await house.write(document, "Read me, again.")
    await ada.sees("Read me, again.")


async def test_a_resync_keeps_caret_focus_and_scrolling(house: House) -> None:
    text = "\n".join(f"Line {number}" for number in range(300))
    document = await house.document(text)
    ada = await house.person()
    await ada.open(document)
    place = text.index("Line 150")
    await ada.put_caret(place)
    # The page's text comes to differ from the server's: the next checksum mends it.
    await ada.editor(
        """const { remote } = await import("./../static/editor/changes.js");
        view.dispatch({
          changes: { from: argument + 8, insert: " (a fault)" }, annotations: remote.of([]),
        });
        view.dispatch({ effects: EditorView.scrollIntoView(argument, { y: "center" }) });""",
        place,
    )
    top = "return Math.round(view.coordsAtPos(argument).top);"
    before = await ada.editor(top, place)
    await house.write(document, text + "!")
    await ada.sees(text + "!")
    assert await ada.caret() == place
    await ada.page.wait_for_selector(".banner[data-rescue]")
    await ada.page.wait_for_function(
        """([place, before]) =>
          Math.abs(editorView().coordsAtPos(place).top - before) <= 2""",
        arg=[place, before],
    )
    await ada.page.wait_for_selector(".cm-content:focus")
    await ada.saved()
    await ada.type("here: ")
    assert await house.everybody_sees_the_same(document) == (
        f"{text[:place]}here: {text[place:]}!"
    )


async def test_typing_over_several_lines(house: House) -> None:
    """The browser alone would bring in styles that the page's policy forbids."""
    document = await house.document("one\ntwo\nthree\nfour")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(1, 10)
    await ada.type("! 😀")
    await bob.sees("o! 😀ree\nfour")
    assert await ada.caret() == 5
    await ada.page.keyboard.press("Control+z")
    await bob.sees("one\ntwo\nthree\nfour")
    await ada.put_caret(10, 1)
    await ada.page.keyboard.press("Enter")
    await bob.sees("o\nree\nfour")


async def test_each_line_runs_the_way_it_is_written(house: House) -> None:
    document = await house.document("שלום.\nHello.\n\n123 مرحبا")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    run = "(all) => all.map((one) => getComputedStyle(one).direction)"
    lines = ada.page.locator(".cm-line")
    assert await lines.evaluate_all(run) == ["rtl", "ltr", "ltr", "rtl"]
    left = "return view.coordsAtPos(0).left > view.coordsAtPos(5).left;"
    assert await ada.editor(left), "the full stop is at its left"
    await ada.put_caret(0)
    await ada.page.keyboard.press("ArrowLeft")
    assert await ada.caret() == 1
    await bob.put_caret(0)
    await bob.type("abc ")
    await ada.sees_text("text.startsWith('abc ')")
    assert await lines.evaluate_all(run) == ["ltr", "ltr", "ltr", "rtl"]


async def test_what_people_write_is_never_markup(house: House) -> None:
    payload = "</script><img src=x onerror=alert(1)><svg/onload=alert(2)>'\"{{7*7}}"
    document = await house.document(payload, title=payload)
    name = "<b onclick=x>Eve</b>"
    eve, ada = await house.person(name=name), await house.person()
    await asyncio.gather(eve.open(document), ada.open(document))
    await eve.put_caret(3)
    if "cursors" in house.plugins:
        await ada.page.wait_for_selector(".cm-remoteFlag")
        assert await ada.page.locator(".cm-remoteFlag").text_content() == f"{name} (guest)"
    assert await ada.page.locator("#title").input_value() == payload
    assert await ada.page.title() == f"{payload} · Collab"
    assert await ada.text() == payload
    await ada.page.goto(f"{house.url}/")
    assert await ada.page.inner_text(".row-title") == payload
    assert not await ada.page.locator("[onerror], [onload], [onclick], b").count()
