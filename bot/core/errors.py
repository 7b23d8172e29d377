"""Everything that can go wrong on purpose.

AllantError
├── BadInput              something a person wrote is wrong: says what, where and how to mend it
│   └── BadContent        a file of content/ or schedules/; carries the problems
├── PlatformError         a platform did not do what was asked
│   ├── RateLimited       try again after ``retry_after`` seconds
│   ├── Unreachable       it certainly did not arrive: try again later
│   │   └── SignedOut     our session or token is not known there any more
│   ├── Unsure            it may or may not have arrived: look it up, or ask the animator
│   └── Refused           it will never be accepted: do not try again
├── StoreUnavailable      the database is away, or has no room: nothing was kept, do it again later
├── WriterUnavailable     the writing service is off, failed, or took too long
└── EmbedderUnavailable   texts cannot be compared by meaning now; words still can
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def where(error: BaseException) -> str:
    """The error's type and place, for a log. Not its text: that of a driver or an adapter may quote a message."""
    trace, line = error.__traceback__, "?"
    while trace is not None:
        line = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {line}"


class AllantError(Exception):
    """The base of Allant's own errors.

    The text is English, for logs and the command line. What people may hear in a chat carries ``key`` as well, the
    bot's words ``file.key`` of content/messages, which are filled in with ``values`` in the language of who hears it.
    """

    def __init__(self, text: str = "", *, key: str = "", **values: object) -> None:
        super().__init__(text)
        self.key = key
        self.values = values


class BadInput(AllantError):
    """A person's input cannot be used; the text says what is wrong and what to do.

    ``field`` names the field of a form in which it stands; ``errors``, where several are wrong, says what is wrong with
    each. A form that led to it is shown again, with what was filled in and what is wrong at each field: see
    :func:`bot.core.forms.shown_again`.
    """

    def __init__(
        self,
        text: str = "",
        *,
        field: str = "",
        errors: Mapping[str, str] | None = None,
        key: str = "",
        **values: object,
    ) -> None:
        super().__init__(text, key=key, **values)
        self.errors: Mapping[str, str] = errors or ({field: text} if field else {})


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file: where, why, how to mend it. ``line`` counts from 1; 0 when it is the whole file."""

    file: str
    line: int
    reason: str
    mend: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.reason}" + (f" ({self.mend})" if self.mend else "")


class BadContent(BadInput):
    """Files of content/ or schedules/ with problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PlatformError(AllantError):
    """A platform did not do what was asked."""


class RateLimited(PlatformError):
    """The platform asks to wait ``retry_after`` seconds."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(f"asked to wait {retry_after:.1f} s")


class Unreachable(PlatformError):
    """The platform could not be reached, and nothing was sent."""


class SignedOut(Unreachable):
    """The platform does not know our session or token (any more): only an administrator can mend that."""


class Unsure(PlatformError):
    """Whether the platform took it is not known: the connection broke after the request was sent."""


class Refused(PlatformError):
    """The platform refuses for good: no right, no such channel, message too long."""


class StoreUnavailable(AllantError):
    """The database could not be reached, or could not take what it was given, for longer than anybody waits. What was
    to be done is best done again later, whole."""


class Overtaken(AllantError):
    """What a decision was made from is no longer so: somebody else was quicker. The whole is decided again from what is
    so now."""


class WriterUnavailable(AllantError):
    """The writing service is off, failed, or took too long."""


class EmbedderUnavailable(AllantError):
    """No vectors can be had: the package is missing, this machine cannot run it, or the service failed. The text says
    which, and how to mend it; a search goes on with words alone."""
