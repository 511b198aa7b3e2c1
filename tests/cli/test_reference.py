"""``docs/settings.md`` says what the code does."""

from __future__ import annotations

from pathlib import Path

from collab.cli.failure import Exit
from collab.cli.loading import load
from collab.cli.options import OPTIONS, ServerSettings
from collab.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "run: python -m collab settings --reference > docs/settings.md"
    )


def test_every_setting_and_every_exit_code_has_a_line() -> None:
    page = reference()
    for option in OPTIONS:
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{option.key}` |")]
        assert option.variable in line
        assert (option.flag or "--set" if option.key != "tokens" else "--token") in line
    for code in Exit:
        assert f"\n| {int(code)} | {code.meaning} |\n" in page
    assert len({option.key for option in OPTIONS}) == len(OPTIONS)
    assert len(ServerSettings.__struct_fields__) <= len(OPTIONS)


def test_the_example_on_the_page_is_understood(tmp_path: Path) -> None:
    example = reference().partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "collab.toml").write_text(example)
    settings = load({}, {}, tmp_path).settings
    assert settings.base_path == "/team/docs"
    assert settings.limits.sessions == 20000
    assert list(settings.tokens) == ["backup"]
    assert settings.plugins == {"presence": {"idle_after": 120}}
