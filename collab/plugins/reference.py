"""The hook reference, ``docs/hooks.md``: printed from the specifications.

``python -m collab.plugins.reference > docs/hooks.md`` brings it up to date.
"""

from __future__ import annotations

from collab.plugins.breaker import FAILURES, LONGEST, PAUSE, WINDOW
from collab.plugins.queue import LIMIT
from collab.plugins.senders import SIZE, WAITING
from collab.plugins.specs import HOOKS, SOFT, Hook
from collab.plugins.watchdog import BLOCKED

_HEAD = f"""\
# Hooks

<!-- Printed by `python -m collab.plugins.reference`; change collab/plugins/specs.py instead. -->

A plugin implements a hook by a method of that name with the mark `@hookimpl`. It may be `def` or
`async def` (where a hook does not say otherwise), and names those of the hook's arguments that it
wants. A wrong argument or an unknown hook keeps the plugin from being loaded, with a sentence that
shows both signatures. All types named here are imported from `collab`
(`from collab import Document, Session`). How to write a plugin is told in [plugins.md](plugins.md).

**Tense.** A hook named `before_…`, and one that is a command (`authorize`, `find_document`), is
asked before something happens: somebody waits for its answer. A hook in the past tense is told a
fact; nobody waits for it, and what it returns is ignored. A plural (`routes`) is asked once, when
the plugin is loaded.

**Order.** What a plugin is told about one document comes in the order in which it happened, and
never two calls at once; documents don't wait for each other, and plugins don't either. Only when
somebody's message still waits, their further ones may come later than what happened after them:
those are taken from their senders in turn, so that nobody's flood keeps the plugin from others (of
one sender, never out of order). Where they
have to be asked one after the other, it is in the order of their names, those marked
`@hookimpl(tryfirst=True)` before, `@hookimpl(trylast=True)` after the others.

**Failure.** Whatever an implementation does stays its own affair: an exception is caught, counted
and logged with the plugin and the hook. A call that takes more than {SOFT:g} s is logged, one that
reaches the hook's budget is cancelled. After {FAILURES} failures within {WINDOW:g} s the plugin is
left alone for {PAUSE:g} s, in which its hooks are not called; then one call is tried, and when that
fails, another one after twice as long (at most {PAUSE * LONGEST / 60:g} minutes). (What
`message_received`, a route, a format or a `before_operation` marked `fail_closed` raises, and a
message that takes too long, do not count towards that, for any visitor can provoke it.) The same
happens at once to a plugin that keeps the event loop from everybody for {BLOCKED:g} s.

**Too much.** Visitors can't overwhelm a plugin: of what one person sent, {WAITING} messages or
{SIZE // 1024} KiB wait for it, and then their sockets are read later. A plugin that lags {LIMIT:,}
other calls behind misses half of them, of the documents that have most waiting; its breaker stays
closed. What it missed then, or while it was left alone, is not told later; afterwards
`document_opened` comes again for what is open, and `session_joined` for whoever is there. So do not
count what you are told: `document.sessions` and the document itself are the truth.

**Coming late.** A plugin that is switched on while the server runs gets `server_started`, and is
then told of the documents that are open and the sessions in them as if they came now. One that is
switched off gets `server_stopping`.
"""

_TELLS = {
    "told": "Told, in order, while nobody waits.",
    "asked": "Asked; somebody waits.",
    "awaited": "Told; the server waits.",
    "collected": "Asked once.",
}


def hooks_page() -> str:
    """The text of ``docs/hooks.md``."""
    index = "\n".join(
        f"- [`{hook.name}`](#{hook.name}): {_markdown(hook.documentation.splitlines()[0])}"
        for hook in HOOKS.values()
    )
    return "\n".join([_HEAD, index, "", *(_section(hook) for hook in HOOKS.values())])


def _section(hook: Hook) -> str:
    budget = "" if hook.kind == "collected" else f" Budget: {hook.budget:g} s."
    return (
        f"## `{hook.name}`\n\n```python\n{hook.signature}\n```\n\n"
        f"{_TELLS[hook.kind]}{budget}\n\n{_markdown(hook.documentation)}\n"
    )


def _markdown(docstring: str) -> str:
    return docstring.replace("``", "`")


if __name__ == "__main__":
    print(hooks_page(), end="")
