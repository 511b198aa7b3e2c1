"""What can be wrong with an operation, or with the moment at which it comes."""

from __future__ import annotations


class InvalidOperation(ValueError):
    """This is no delta, or it does not fit the document it is meant for. Nothing was changed."""


class UnknownRevision(LookupError):
    """The revision asked for has not happened yet."""


class ForgottenRevision(LookupError):
    """The revision asked for is older than the history at hand."""


class OutOfOrder(RuntimeError):
    """An operation came that does not follow on from what has been received: ask again."""
