"""Settings from every place, which counts more, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab.cli.arguments import make_parser
from collab.cli.failure import Exit, Failure
from collab.cli.loading import DEFAULT, Loaded, load
from collab.cli.options import OPTIONS, ServerSettings

TOKEN = "0123456789abcdef"


def flags(*words: str) -> dict[str, Any]:
    return vars(make_parser().parse_args(["serve", *words]))


def loaded(folder: Path, *words: str, toml: str | None = None, **environment: str) -> Loaded:
    if toml is not None:
        (folder / "collab.toml").write_text(toml, "utf-8")
    return load(flags(*words), environment, folder)


def refused(folder: Path, *words: str, toml: str | None = None, **environment: str) -> str:
    with pytest.raises(Failure) as caught:
        loaded(folder, *words, toml=toml, **environment)
    assert caught.value.code is Exit.USAGE
    return caught.value.sentence


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.settings == ServerSettings()
    assert all(found.source(option.key) == DEFAULT for option in OPTIONS)


def test_the_command_line_counts_more_than_the_environment_more_than_the_file(
    tmp_path: Path,
) -> None:
    file = "port = 1\nhost = 'a'\nbase_path = '/file'\n[limits]\nrate = 1\nburst = 1\n"
    found = loaded(
        tmp_path, "--port", "3", "--set", "limits.burst=3",
        toml=file, COLLAB_PORT="2", COLLAB_HOST="b", COLLAB_LIMITS__RATE="2",
        COLLAB_LIMITS__BURST="2",
    )  # fmt: skip
    settings = found.settings
    assert (settings.port, settings.host, settings.base_path) == (3, "b", "/file")
    assert (settings.limits.rate, settings.limits.burst) == (2, 3)
    assert found.source("port") == "the command line (--port)"
    assert found.source("host") == "the environment (COLLAB_HOST)"
    assert found.source("base_path") == str(tmp_path / "collab.toml")
    assert found.source("limits.rate") == "the environment (COLLAB_LIMITS__RATE)"
    assert found.source("limits.burst") == "the command line (--set)"


def test_every_kind_of_value_from_every_place(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    expected = ServerSettings(
        unix_socket=Path("/run/collab.sock"),
        trusted_proxies=("unix", "10.0.0.0/8"),
        allowed_origins=("https://wiki.example",),
        heartbeat=5.0,
        durability="normal",
        log_level="debug",
        tokens={"backup": TOKEN},
        plugins={"presence": {"idle_after": 60, "names": True, "text": "long"}},
        plugins_dir=tmp_path / "mine",
    )
    file = f"""
        unix_socket = "/run/collab.sock"
        trusted_proxies = ["unix", "10.0.0.0/8"]
        allowed_origins = ["https://wiki.example"]
        heartbeat = 5
        durability = "normal"
        log_level = "debug"
        plugins_dir = "mine"
        tokens.backup = "{TOKEN}"
        [plugins.presence]
        idle_after = 60
        names = true
        text = "long"
    """
    assert loaded(tmp_path, toml=file).settings == expected
    (tmp_path / "collab.toml").unlink()
    environment = {
        "COLLAB_UNIX_SOCKET": "/run/collab.sock",
        "COLLAB_TRUSTED_PROXIES": "unix, 10.0.0.0/8",
        "COLLAB_ALLOWED_ORIGINS": "https://wiki.example",
        "COLLAB_HEARTBEAT": "5",
        "COLLAB_DURABILITY": "normal",
        "COLLAB_LOG_LEVEL": "debug",
        "COLLAB_PLUGINS_DIR": str(tmp_path / "mine"),
        "COLLAB_TOKENS__BACKUP": TOKEN,
        "COLLAB_PLUGINS__PRESENCE__IDLE_AFTER": "60",
        "COLLAB_PLUGINS__PRESENCE__NAMES": "true",
        "COLLAB_PLUGINS__PRESENCE__TEXT": "long",
        "COLLAB_DATABASE": "",
        "COLLAB_URL": "http://elsewhere/",
        "PATH": "/bin",
    }
    assert loaded(tmp_path, **environment).settings == expected
    given = loaded(
        tmp_path,
        "--unix-socket", "/run/collab.sock",
        "--trusted-proxies", "unix", "--trusted-proxies", "10.0.0.0/8",
        "--allowed-origins", "https://wiki.example",
        "--heartbeat", "5",
        "--durability", "normal",
        "--log-level", "debug",
        "--plugins-dir", str(tmp_path / "mine"),
        "--token", f"backup={TOKEN}",
        "--set", "plugins.presence.idle_after=60",
        "--set", "plugins.presence.names=true",
        "--set", "plugins.presence.text=long",
    )  # fmt: skip
    assert given.settings == expected


def test_paths_in_a_file_count_from_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "my.toml"
    file.parent.mkdir()
    file.write_text('data_dir = "data"\nunix_socket = "~/collab.sock"\n')
    settings = load(flags("--config", str(file)), {}, tmp_path).settings
    assert settings.data_dir == file.parent / "data"
    assert settings.unix_socket == Path.home() / "collab.sock"
    assert load(flags(), {"COLLAB_CONFIG": str(file)}).settings == settings
    assert load(flags("--data-dir", "data"), {}, tmp_path).settings.data_dir == Path("data")


def test_a_base_path_is_brought_into_form(tmp_path: Path) -> None:
    assert loaded(tmp_path, "--base-path", "team/docs/").settings.base_path == "/team/docs"


WRONG = [
    ("port", "70000", "70000", "a whole number from 0 to 65535"),
    ("port", "-1", "-1", "a whole number from 0 to 65535"),
    ("port", "http", '"http"', "a whole number from 0 to 65535"),
    ("port", "8080.5", "8080.5", "a whole number from 0 to 65535"),
    ("port", "true", "true", "a whole number from 0 to 65535"),
    ("heartbeat", "0", "0", "a number above 0"),
    ("heartbeat", "nan", "nan", "a number above 0"),
    ("heartbeat", "inf", "inf", "a number above 0"),
    ("heartbeat", "1e999", "inf", "a number above 0"),
    ("durability", "some", '"some"', "full or normal"),
    ("log_level", "loud", '"loud"', "debug, error, info or warning"),
    ("base_path", "//evil", '"//evil"', "a path such as /team/docs"),
    ("base_path", "/a/../b", '"/a/../b"', "a path such as /team/docs"),
    ("host", "a b", '"a b"', "an address or a name"),
    ("database", "file.db", '"file.db"', "a URL such as sqlite:///file.db"),
    ("plugins_dir", "/no/such/folder", '"/no/such/folder"', "a folder that exists"),
    ("templates_dir", "/no/such/folder", '"/no/such/folder"', "a folder that exists"),
    ("trusted_proxies", "10.0.0.0/99", '["10.0.0.0/99"]', "a list of networks"),
    ("trusted_proxies", "proxy.example", '["proxy.example"]', "a list of networks"),
    ("allowed_origins", "wiki.example", '["wiki.example"]', "a list of origins"),
    ("allowed_origins", "https://a/b", '["https://a/b"]', "a list of origins"),
    ("limits.rate", "0", "0", "a whole number above 0"),
    ("limits.hello_timeout", "-5", "-5", "a number above 0"),
    ("tokens.bot", "short", '"short"', "at least 16 printable ASCII characters"),
    ("tokens.bot", "sixteen characters", '"sixteen characters"', "without a space"),
    ("tokens.b ot", TOKEN, f'"{TOKEN}"', "a script's name"),
]


@pytest.mark.parametrize(("key", "text", "in_file", "allowed"), WRONG)
def test_a_wrong_value_is_named_with_its_place_and_what_is_allowed(
    tmp_path: Path, key: str, text: str, in_file: str, allowed: str
) -> None:
    variable = "COLLAB_" + key.upper().replace(".", "__")
    dotted = ".".join(f'"{part}"' for part in key.split("."))
    for sentence, source in [
        (refused(tmp_path, "--set", f"{key}={text}"), "the command line (--set)"),
        (refused(tmp_path, **{variable: text}), f"the environment ({variable})"),
        (refused(tmp_path, toml=f"{dotted} = {in_file}"), str(tmp_path / "collab.toml")),
    ]:
        (tmp_path / "collab.toml").unlink(missing_ok=True)
        assert sentence.startswith(f"{key} is ")
        assert f" in {source}, but has to be " in sentence
        assert allowed in sentence
        assert sentence.count("\n") == 0 and sentence.endswith(".")
        if key.startswith("tokens"):
            assert text not in sentence


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("prot = 1", "prot in {} is no setting; perhaps port is meant."),
        ("plugin_dir = 'x'", "perhaps plugins_dir is meant"),
        ("rate = 1", "perhaps limits.rate is meant"),
        ("[limits]\nrates = 1", "limits.rates in {} is no setting; perhaps limits.rate is meant."),
        ("[limit]\nrate = 1", "limit.rate in {} is no setting; perhaps limits.rate is meant."),
        ("zzz = 1", "zzz in {} is no setting."),
        ("limits = 1", "limits in {} has to be a table of settings."),
        ("port = {number = 1}", "port is {{'number': 1}} in {}, but has to be a whole number"),
        ("port = 1979-05-27", "port is datetime.date"),
        ("host = 5", "host is 5 in {}"),
        ("trusted_proxies = 'unix'", "trusted_proxies is 'unix' in {}, but has to be a list"),
        ("trusted_proxies = [1]", "trusted_proxies is [1] in {}, but has to be a list"),
        ("tokens = 'secret'", "tokens in {} has to be a table of names and tokens."),
        ("[tokens.bot]\na = 'b'", "tokens.bot is not usable in {}"),
        ("plugins = 1", "plugins in {} has to be a table of settings for each plugin."),
        ("[plugins]\npresence = 1", "plugins in {} has to be a table of settings for each plugin"),
        ('data_dir = "a\\u0000b"', "data_dir is"),
        ('data_dir = ""', "data_dir is '' in {}, but has to be a path."),
        (f"[tokens]\na = '{TOKEN}'\nb = '{TOKEN}'", "the same token for two scripts"),
        ("port =", "{} is not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(tmp_path: Path, toml: str, said: str) -> None:
    assert said.format(tmp_path / "collab.toml") in refused(tmp_path, toml=toml)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    sentence = refused(
        tmp_path, "--port", "x", toml="prot = 1\nheartbeat = 0", COLLAB_DURABILITY="half"
    )
    lines = sentence.splitlines()
    assert [line.split()[0] for line in lines] == ["prot", "heartbeat", "durability", "port"]


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert "can't be read" in refused(tmp_path, "--config", str(missing))
    assert "can't be read" in refused(tmp_path, COLLAB_CONFIG=str(missing))
    assert "can't be read" in refused(tmp_path, "--config", str(tmp_path))
    missing.write_bytes(b"host = '\xff'")
    assert "is not valid TOML" in refused(tmp_path, "--config", str(missing))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"COLLAB_PROT": "1"}, "COLLAB_PROT is no setting; perhaps COLLAB_PORT is meant."),
        ({"COLLAB_LIMITS_RATE": "1"}, "perhaps COLLAB_LIMITS__RATE is meant"),
        ({"COLLAB_LIMIT__RATE": "1"}, "perhaps COLLAB_LIMITS__RATE is meant"),
        ({"COLLAB_TOKENS": TOKEN}, "COLLAB_TOKENS has to be a table of names and tokens"),
        ({"COLLAB_PLUGINS__X": "1"}, "COLLAB_PLUGINS__NAME__SETTING"),
        ({"COLLAB_PORT": "tcp://10.0.0.1:80"}, "port is 'tcp://10.0.0.1:80' in the environment"),
    ],
)
def test_what_is_wrong_with_the_environment(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    assert said in refused(tmp_path, **environment)


def test_other_peoples_variables_are_mentioned_and_ignored(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, COLLAB_SERVICE_HOST="10.0.0.1", COLLAB_PORT_8080_TCP_ADDR="10.0.0.1", COLLAB_="x"
    )
    assert found.settings == ServerSettings()
    assert found.warnings == [
        "COLLAB_ is no setting, and nothing reads it.",
        "COLLAB_PORT_8080_TCP_ADDR is no setting, and nothing reads it.",
        "COLLAB_SERVICE_HOST is no setting, and nothing reads it.",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "bot"], "--token has to be written as --token NAME=TOKEN."),
        (["--set", "port"], "--set has to be written as --set KEY=VALUE."),
        (["--set", "prot=1"], "prot in the command line (--set) is no setting; perhaps port"),
        (["--set", "tokens=1"], "tokens in --set has to be a table of names and tokens."),
        (["--set", "=1"], "is no setting"),
    ],
)
def test_what_is_wrong_with_the_command_line(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in refused(tmp_path, *words)


def test_a_number_may_be_a_text_where_a_text_is_wanted(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "--data-dir", "2026", COLLAB_HOST="10").settings
    assert (settings.data_dir, settings.host) == (Path("2026"), "10")


def test_every_setting_is_described_and_can_be_given_on_the_command_line() -> None:
    given = flags()
    assert given["command"] == "serve"
    for option in OPTIONS:
        assert option.description.endswith("."), option.key
        assert option.allowed
        if option.flag is not None:
            # A flag that is not there would end the test with SystemExit.
            value = () if option.is_switch else ("x",)
            assert flags(option.flag, *value)[option.path[0]]
