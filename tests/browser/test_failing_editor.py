"""An editor that throws: the document is loaded again, nothing typed is lost, or the page stops."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

THROW_AT_REMOTE = """
  const update = view.update.bind(view);
  view.update = (transactions) => {
    const remote = transactions.some((one) => one.docChanged && !one.isUserEvent("input"));
    if (remote && argument-- > 0) throw new RangeError("Invalid change range 7 to 9");
    return update(transactions);
  };
"""
"""CodeMirror refuses the next edits of others: ``argument`` of them."""

THROW_WHILE_DRAWING = """
  const { Decoration, EditorView, WidgetType } = await import("@codemirror/view");
  const { StateEffect } = await import("@codemirror/state");
  class Bad extends WidgetType {
    toDOM() { throw new Error("a decoration that can't be drawn"); }
  }
  const place = Decoration.widget({ widget: new Bad(), side: 1 });
  const bad = EditorView.decorations.of((shown) =>
    shown.state.doc.length > argument ? Decoration.set([place.range(0)]) : Decoration.none);
  view.dispatch({ effects: StateEffect.appendConfig.of([bad]) });
"""
"""What a plugin added can't be drawn once the text is longer than ``argument``."""


def complaints(person: Person) -> list[str]:
    """What the page reported, which is expected here and no fault any more."""
    found = [fault for fault in person.faults if " again, because of:" in fault]
    person.faults[:] = [fault for fault in person.faults if fault not in found]
    return found


async def test_a_remote_edit_that_the_editor_refuses(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.editor(THROW_AT_REMOTE, 1)
    await bob.put_caret(0)
    await bob.type("> ")
    await ada.sees("> Text")
    await ada.put_caret(6)
    await ada.type(", typed after that")
    await bob.sees("> Text, typed after that")
    assert await house.everybody_sees_the_same(document) == "> Text, typed after that"
    assert len(complaints(ada)) == 1


async def test_a_decoration_that_can_not_be_drawn_costs_no_letter(house: House) -> None:
    """CodeMirror has the letter then, but has told nobody of it: the text is drawn without it."""
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(4)
    await ada.editor(THROW_WHILE_DRAWING, 4)
    await ada.type(", typed")
    await bob.sees("Text, typed")
    await ada.editor(THROW_WHILE_DRAWING, 11)
    await bob.put_caret(0)
    await bob.type("> ")
    await ada.sees("> Text, typed")
    await ada.type("!")
    assert await house.everybody_sees_the_same(document) == "> Text, typed!"
    assert len(complaints(ada)) == 2


async def test_a_letter_that_the_engine_can_not_take(house: House) -> None:
    document = await house.document("Text")
    ada = await house.person(name="Ada")
    await ada.open(document)
    await ada.put_caret(4)
    await ada.page.evaluate(
        """async () => {
          const { Client } = await import("/static/engine/client.js");
          const { edit } = Client.prototype;
          Client.prototype.edit = function () {
            Client.prototype.edit = edit;
            throw new Error("a fault in the engine");
          };
        }"""
    )
    await ada.type("!")
    banner = ada.page.locator(".banner[data-rescue]")
    await banner.wait_for()
    assert await banner.locator("pre").text_content() == "Text!"
    await ada.page.wait_for_selector("#editor [contenteditable=true]")
    await ada.saved()
    await ada.put_caret(4)
    await ada.type(", typed again")
    assert await house.everybody_sees_the_same(document) == "Text, typed again"
    assert len(complaints(ada)) == 1


async def test_a_page_that_can_not_be_helped_stops(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.editor(THROW_AT_REMOTE, 1000)
    await bob.put_caret(0)
    refused = ada.page.locator(".banner[data-refused]")
    for _ in range(20):
        await bob.type(".")
        await bob.saved()
        if await refused.is_visible():
            break
        await ada.page.wait_for_function(
            "(dots) => document.querySelector('.banner[data-refused]')"
            " || editorView().state.doc.toString().startsWith(dots)",
            arg=(await bob.text())[: -len("Text")],
        )
    await refused.wait_for()
    assert "has stopped" in await refused.inner_text()
    assert await ada.page.get_attribute("#status", "data-state") == "stopped"
    assert await ada.editor("return view.contentDOM.isContentEditable;") is False
    await ada.screenshot("stopped")
    assert len(complaints(ada)) == 3
