"""Which plugins are found, and what is said of those that can't be used."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from collab import Plugin
from collab.cli import main
from collab.plugins.manager import PluginManager
from collab.plugins.settings import WrongSettings
from collab.plugins.specs import HOOKS
from collab.protocol.settings import Settings
from tests.plugins.fake import BUNDLED, make_manager, the, write_plugin

GOOD = '''
class Good(Plugin):
    """Do nothing, well."""
'''


def problem(manager: PluginManager, name: str) -> str:
    (found,) = [one for one in manager.problems if one.name == name]
    return found.sentence


@pytest.mark.bundled(*BUNDLED)
def test_the_bundled_plugins_are_found_without_being_asked_for() -> None:
    manager = make_manager(None, off=())
    assert list(manager.plugins) == list(BUNDLED)
    assert manager.problems == []


def test_no_bundled_plugin_has_the_name_of_a_module_beside_it_in_the_wheel() -> None:
    from collab.plugins import manager

    modules = {path.stem for path in Path(str(manager.__file__)).parent.glob("*.py")}
    assert not modules & set(BUNDLED)


def test_a_bundled_plugin_is_imported_by_the_name_it_has_in_a_wheel_too() -> None:
    code = (
        "import collab.plugins.presence\n"
        "from collab.plugins.manager import PluginManager\n"
        "from collab.protocol.settings import Settings\n"
        "manager = PluginManager(Settings(), installed=()); manager.load()\n"
        "assert type(manager.plugins['presence']) is collab.plugins.presence.Presence\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_algebra_needs_neither_the_web_nor_the_plugin_framework() -> None:
    code = (
        "import sys, collab.ot, collab.protocol.messages\n"
        "assert not {'aiohttp', 'pluggy', 'sqlalchemy'} & set(sys.modules), sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_what_a_plugin_needs_and_nothing_else() -> None:
    import collab

    assert collab.Plugin is Plugin
    with pytest.raises(AttributeError, match="Plugins"):
        _ = collab.Plugins
    assert all(hasattr(collab, name) for name in collab.__all__)
    offered = {
        "CollabError", "Delta", "Document", "Operation", "OutOfReach", "Server", "Session",
    }
    assert offered <= set(collab.__all__)


def test_every_type_in_the_hook_reference_is_imported_from_the_package() -> None:
    import collab

    known = {"Any", "Awaitable", "Callable", "Iterable", "None"}
    for hook in HOOKS.values():
        named = set(re.findall(r"\b[A-Z]\w+", hook.signature)) - known
        assert named <= set(collab.__all__), hook.name


def test_a_new_plugin_that_hides_a_bundled_one_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins", "new", "presence", "--into", str(tmp_path)]) == 0
    assert "There is a bundled plugin presence: this one takes its place." in (
        capsys.readouterr().out
    )
    assert main(["plugins", "new", "absence", "--into", str(tmp_path)]) == 0
    assert "bundled" not in capsys.readouterr().out


def test_a_plugin_in_the_operators_folder_is_loaded(tmp_path: Path) -> None:
    write_plugin(tmp_path, "good", GOOD)
    manager = make_manager(tmp_path)
    (listed,) = [one for one in manager.listing() if one.state == "on"]
    assert (listed.name, listed.description) == ("good", "Do nothing, well.")
    assert listed.where == str(tmp_path / "good")


def test_two_servers_in_one_process_each_have_their_own_plugin_of_a_name(tmp_path: Path) -> None:
    for number in (1, 2):
        write_plugin(
            tmp_path / str(number), "good",
            "from .answer import ANSWER\nclass Good(Plugin):\n    answer = ANSWER\n",
            answer_dot_py=f"ANSWER = {number}\n",
        )
    one, two = (make_manager(tmp_path / str(number)) for number in (1, 2))
    assert the(one, "good").answer == 1
    assert the(two, "good").answer == 2


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("1 / 0", "can't be imported: ZeroDivisionError: division by zero"),
        ("def broken(:", "can't be imported: SyntaxError"),
        ("import no_such_module_anywhere", "can't be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "can't be imported: SystemExit: 3"),
        ("x = 1", "it defines no subclass of collab.Plugin"),
        ("class A(Plugin): pass\nclass B(Plugin): pass", "more than one plugin: A, B"),
        ("class A(Plugin):\n    def __init__(self): 1 / 0", "can't be made: ZeroDivisionError"),
        ("class A(Plugin):\n    def __init__(self, it): pass", "can't be made: TypeError"),
        ("class A(Plugin):\n    Settings = dict", "A.Settings has to be a msgspec.Struct"),
    ],
)
def test_a_plugin_that_can_t_be_used_is_named_and_the_others_are_loaded(
    tmp_path: Path, source: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "broken", source)
    write_plugin(tmp_path, "good", GOOD)
    manager = make_manager(tmp_path)
    assert list(manager.plugins) == ["good"]
    assert sentence in problem(manager, "broken")
    assert "plugin broken" in caplog.text
    assert {"broken": "problem", "good": "on"}.items() <= {
        one.name: one.state for one in manager.listing()
    }.items()


@pytest.mark.parametrize("name", ["Good", "go-od", "x" * 33, "1good"])
def test_a_name_that_can_t_be_had_is_refused(tmp_path: Path, name: str) -> None:
    write_plugin(tmp_path, name, GOOD)
    manager = make_manager(tmp_path)
    assert manager.plugins == {}
    assert "name" in problem(manager, name)


def test_a_plugin_may_have_the_name_of_a_module_of_ours(tmp_path: Path) -> None:
    write_plugin(tmp_path, "manager", GOOD)
    assert "manager" in make_manager(tmp_path).plugins
    from collab.plugins import manager

    assert manager.PluginManager is PluginManager


@pytest.mark.bundled("presence")
def test_an_operators_plugin_takes_the_place_of_a_bundled_one(tmp_path: Path) -> None:
    write_plugin(tmp_path, "presence", GOOD)
    manager = make_manager(tmp_path, off=())
    assert type(manager.plugins["presence"]).__name__ == "Good"
    assert manager.problems == []


@pytest.mark.bundled("presence")
def test_the_name_of_a_plugin_that_is_there_is_taken() -> None:
    manager = _installed(EntryPoint("presence", "installed_example", "collab.plugins"))
    assert "the name is taken by" in problem(manager, "presence")


@pytest.mark.bundled("presence")
def test_only_what_is_wanted_is_loaded(tmp_path: Path) -> None:
    write_plugin(tmp_path, "good", GOOD)
    write_plugin(tmp_path, "other", "1 / 0")
    manager = make_manager(tmp_path, off=(), plugins_on=("good", "presence"))
    assert list(manager.plugins) == ["good", "presence"]
    assert manager.problems == []
    with pytest.raises(WrongSettings, match="plugins_on names a plugin 'nobody'"):
        make_manager(tmp_path, off=(), plugins_on=("good", "presence", "nobody"))
    assert make_manager(tmp_path, off=(), plugins_on=()).plugins == {}


def test_a_plugin_for_another_version_of_the_interface_is_refused(tmp_path: Path) -> None:
    write_plugin(tmp_path, "later", "class Later(Plugin):\n    api = 2\n")
    manager = make_manager(tmp_path)
    assert manager.plugins == {}
    assert "for version 2 of the plugin interface, and this server has version 1" in problem(
        manager, "later"
    )


def test_a_version_that_is_no_number_is_shown_as_it_was_written(tmp_path: Path) -> None:
    write_plugin(tmp_path, "text", "class Text(Plugin):\n    api = '1'\n")
    assert "for version '1' of the plugin interface, and this server has version 1" in problem(
        make_manager(tmp_path), "text"
    )


def test_what_is_no_plugin_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "single.py").write_text("")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "README.md").write_text("")
    manager = make_manager(tmp_path)
    assert problem(manager, "empty") == "the folder has no __init__.py"
    assert "move this file to single/__init__.py" in problem(manager, "single")
    assert len(manager.problems) == 2


def test_a_plugins_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="nowhere can't be read"):
        make_manager(tmp_path / "nowhere")


def test_a_plugin_that_is_switched_off_is_not_even_imported(tmp_path: Path) -> None:
    write_plugin(tmp_path, "broken", "1 / 0")
    manager = make_manager(tmp_path, off=("broken", "presence", "cursors"))
    assert manager.problems == []
    assert "broken" in [one.name for one in manager.listing() if one.state == "off"]


def test_switching_off_what_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"plugins_off .*'presense'.*perhaps presence"):
        make_manager(tmp_path, off=("presense",))


def _installed(*points: EntryPoint) -> PluginManager:
    on = tuple(point.name for point in points)
    manager = PluginManager(Settings(plugins_on=on), installed=points)
    manager.load()
    return manager


def test_installed_packages_bring_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = write_plugin(tmp_path, "installed_example", GOOD, static__example_dot_js="")
    monkeypatch.syspath_prepend(str(tmp_path))
    group = "collab.plugins"
    manager = _installed(
        EntryPoint("example", "installed_example", group),
        EntryPoint("other", "installed_example:Good", group),
        EntryPoint("wrong", "installed_example:hookimpl", group),
        EntryPoint("missing", "installed_nothing", group),
    )
    assert list(manager.plugins) == ["example", "other"]
    assert manager.static_folder("example") == package / "static"
    assert "is not a subclass of collab.Plugin" in problem(manager, "wrong")
    assert "can't be imported" in problem(manager, "missing")


def test_what_a_plugins_folder_holds_is_offered(tmp_path: Path) -> None:
    both = write_plugin(
        tmp_path, "both", GOOD, static__both_dot_js="", static__both_dot_css="",
        templates__page_dot_html="",
    )
    write_plugin(tmp_path, "style", GOOD, static__style_dot_css="")
    write_plugin(tmp_path, "other", GOOD, static__picture_dot_svg="")
    write_plugin(tmp_path, "server", GOOD.replace("Good", "Server")).rename(tmp_path / "served")
    manager = make_manager(tmp_path)
    halves = {half.name: half for half in manager.browser_halves()}
    assert halves["both"].script == "/plugins/both/static/both.js"
    assert halves["both"].styles == ("/plugins/both/static/both.css",)
    assert halves["style"].script is None and halves["style"].styles
    assert set(halves) == {"both", "style"}
    assert manager.static_folder("both") == both / "static"
    assert manager.static_folder("served") is None
    assert manager.static_folder("nobody") is None
    assert manager.template_folders() == [both / "templates"]
