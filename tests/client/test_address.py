"""Every form in which a person may have a document's address."""

from __future__ import annotations

import pytest

from collab.client.address import Address, parse


@pytest.mark.parametrize(
    "url",
    [
        "http://host:8080/team/docs/d/abc",
        "http://host:8080/team/docs/d/abc/",
        "http://host:8080/team/docs/d/abc?x=1#top",
        "http://host:8080/team/docs/api/documents/abc",
        "http://host:8080/team/docs/api/documents/abc/socket",
        "ws://host:8080/team/docs/api/documents/abc/socket",
    ],
)
def test_page_api_and_socket_are_the_same_document(url: str) -> None:
    address = parse(url)
    assert address == Address("http://host:8080/team/docs", "abc")
    assert address.socket == "http://host:8080/team/docs/api/documents/abc/socket"
    assert address.page == "http://host:8080/team/docs/d/abc"


def test_ids_are_quoted_in_addresses_and_plain_outside() -> None:
    address = parse("https://host/d/a%20b")
    assert address.document == "a b"
    assert address.api == "https://host/api/documents/a%20b"
    assert parse("wss://host/d/x").server == "https://host"


@pytest.mark.parametrize(
    "url",
    [
        "", "host/d/abc", "ftp://host/d/abc", "http:///d/abc", "http://host/", "http://host/d/",
        "http://host/d/a/b", "http://host/api/documents/a/content",
    ],
)
def test_anything_else_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match="/d/ID"):
        parse(url)
