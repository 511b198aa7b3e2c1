"""What is done in a process of its own, because files and texts may be made to be slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .markup import page, render
from .reading import from_html
from .rich import to_html, to_markdown


def preview(markdown: str) -> str:
    """Markdown as HTML for the page: no pictures, and from which line each block is."""
    return render(markdown, lines=True)


def markdown_page(title: str, markdown: str) -> str:
    """Markdown as a page of its own."""
    return page(title, render(markdown, images=True))


def rich_page(title: str, ops: list[dict[str, Any]]) -> str:
    """Rich text as a page of its own."""
    return page(title, to_html(ops))


def rich_markdown(ops: list[dict[str, Any]]) -> str:
    """Rich text as Markdown."""
    return to_markdown(ops)


def read_html(html: str) -> list[dict[str, Any]]:
    """HTML as rich text."""
    return from_html(html)


def read_html_as_markdown(html: str) -> str:
    """HTML as Markdown."""
    return to_markdown(from_html(html))


def read_markdown(markdown: str) -> list[dict[str, Any]]:
    """Markdown as rich text."""
    return from_html(render(markdown, images=True))


JOBS: dict[str, Callable[..., Any]] = {
    job.__name__: job
    for job in (
        preview, markdown_page, rich_page, rich_markdown, read_html, read_html_as_markdown,
        read_markdown,
    )
}
