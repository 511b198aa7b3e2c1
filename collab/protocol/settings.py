"""The settings: what an operator can decide, with what it means in one sentence each.

``docs/settings.md`` is generated from here; the command line, the environment
(``COLLAB_…``) and the TOML file are read into these structures by ``collab.cli``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Positive = Annotated[int, Meta(gt=0)]
Seconds = Annotated[float, Meta(gt=0)]


class Limits(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Bounds on what anybody may ask of the server."""

    message_size: Annotated[
        Positive, Meta(description="Largest WebSocket message from a client, in bytes.")
    ] = 256 * 1024
    operation_size: Annotated[
        Positive, Meta(description="Longest text one edit may insert, in UTF-16 code units.")
    ] = 128 * 1024
    operation_parts: Annotated[
        Positive,
        Meta(description="Inserts, retains and deletes that one edit may be made of."),
    ] = 1000
    document_size: Annotated[
        Positive, Meta(description="Longest document, in UTF-16 code units.")
    ] = 16 * 1024 * 1024
    document_parts: Annotated[
        Positive,
        Meta(
            description="Stretches of text of one format, and embeds, that a document of rich text"
            " may be made of."
        ),
    ] = 100_000
    body_size: Annotated[
        Positive, Meta(description="Largest HTTP request body, in bytes.")
    ] = 64 * 1024 * 1024
    bodies_size: Annotated[
        Positive,
        Meta(
            description="Bytes of all request bodies that are in memory at once. One address may"
            " use a quarter of them, and at least one body of the largest size."
        ),
    ] = 256 * 1024 * 1024
    rate: Annotated[
        Positive, Meta(description="Messages per second a connection may send for long.")
    ] = 5000
    burst: Annotated[
        Positive, Meta(description="Messages a connection may send at once.")
    ] = 10_000
    sessions: Annotated[Positive, Meta(description="Connections open at once.")] = 5000
    sessions_per_document: Annotated[
        Positive, Meta(description="Connections open at once on one document.")
    ] = 500
    sessions_per_address: Annotated[
        Positive,
        Meta(
            description="Connections open at once from one address (of IPv6, from one /64), as"
            " trusted proxies tell it; on one document at most four fifths of its connections."
            " With requests, 256 more may be open from an address that is no trusted proxy."
        ),
    ] = 1000
    sessions_per_person: Annotated[
        Positive,
        Meta(description="Connections open at once of one person; scripts with a token excepted."),
    ] = 100
    hello_timeout: Annotated[
        Seconds, Meta(description="Seconds a new connection has to say hello.")
    ] = 5.0
    outbox_size: Annotated[
        Positive, Meta(description="Bytes that may wait for a client that reads slowly.")
    ] = 1024 * 1024
    write_timeout: Annotated[
        Seconds, Meta(description="Seconds a client may take to read what waits for it.")
    ] = 10.0


class Settings(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Everything a server is started with."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="TCP port to listen on; 0 takes any free one.")
    ] = 8080
    unix_socket: Annotated[
        Path | None, Meta(description="Listen on this unix socket instead of host and port.")
    ] = None
    base_path: Annotated[
        str, Meta(description="The path a reverse proxy serves Collab under, such as /team/docs.")
    ] = ""
    data_dir: Annotated[
        Path, Meta(description="Folder for the database and the server's secret.")
    ] = Path("collab-data")
    database: Annotated[
        str | None,
        Meta(description="Database URL; by default SQLite in the data directory."),
    ] = None
    durability: Annotated[
        Literal["full", "normal"],
        Meta(
            description="full: an acknowledged edit survives a power cut. normal: it survives a"
            " killed process only, and commits cost less."
        ),
    ] = "full"
    plugins_dir: Annotated[
        Path | None, Meta(description="A further folder of plugins.")
    ] = None
    plugins_on: Annotated[
        tuple[str, ...],
        Meta(description="Names of plugins that are loaded; * stands for all that there are."),
    ] = ("*",)
    plugins_off: Annotated[
        tuple[str, ...], Meta(description="Names of plugins that are not loaded.")
    ] = ()
    safe_mode: Annotated[
        bool,
        Meta(
            description="Load no plugins but those that --only names; while one that decides who"
            " may do what is left out, only the operator is served."
        ),
    ] = False
    plugins: Annotated[
        dict[str, dict[str, Any]], Meta(description="Settings of plugins, a table for each.")
    ] = field(default_factory=dict)
    templates_dir: Annotated[
        Path | None, Meta(description="A folder of templates that replace Collab's own.")
    ] = None
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks whose X-Forwarded-* headers are believed (CIDR); the word unix"
            " stands for whoever connects through the unix socket."
        ),
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(description="Further sites (scheme://host[:port]) whose pages may connect."),
    ] = ()
    tokens: Annotated[
        dict[str, str], Meta(description="Names of scripts and the secret token of each.")
    ] = field(default_factory=dict)
    heartbeat: Annotated[
        Seconds, Meta(description="Seconds between WebSocket pings.")
    ] = 20.0
    idle_close: Annotated[
        Seconds, Meta(description="Seconds a document stays in memory after its last reader left.")
    ] = 30.0
    shutdown_timeout: Annotated[
        Seconds, Meta(description="Seconds a stop may take before connections are cut.")
    ] = 3.0
    checksum_interval: Annotated[
        Seconds, Meta(description="Seconds between checksums of a document that is being edited.")
    ] = 5.0
    limits: Limits = field(default_factory=Limits)
