"""What can go wrong: an exit code, one line, and what to type next."""

from __future__ import annotations

from typing import ClassVar


class MdrepoError(Exception):
    """A failure that the user can act on: what and where in one line, and what to type next."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Finding(MdrepoError):
    """Something in the user's repository that must be put right first: invalid, stale, in conflict, regressed."""

    exit_code = 1


class UsageError(MdrepoError):
    """A command or a call that makes no sense as it was given."""

    exit_code = 2


class Busy(MdrepoError):
    """Something else holds what this command needs; it may be tried again."""

    exit_code = 4


class MissingExtra(MdrepoError):
    """A command that needs a package which is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"this needs the package {package}, which is not installed",
            f"pip install 'mdrepo-ml[{extra}]'",
        )
