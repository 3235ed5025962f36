"""Every error that a caller may want to catch, one class of each; bad arguments are ValueErrors.

All of them are public: ``rmt_alpha.errors.ConvergenceError`` and so on.  A message says what is wrong and
what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any  # not a name of this module: its classes are listed


class ConvergenceError(RuntimeError):
    """An iteration ended without an answer.

    Attributes
    ----------
    best : object
        The best estimate, with its residual: what the iteration would have returned, of the same class.
    """

    def __init__(self, message: str, best: object) -> None:
        super().__init__(message, best)  # both, so that the error survives pickling
        self.best: Any = best

    def __str__(self) -> str:
        return str(self.args[0])


class NotAvailable(ValueError):
    """A question that this model cannot answer; the message says why, and what to ask instead."""


class MissingQuantity(NotAvailable, AttributeError):
    """The same for an attribute: ``hasattr`` is False where a result lacks the quantity."""


class RecordError(RuntimeError):
    """A record of finished work that cannot be used; its file was left as it is."""


class SweepError(RuntimeError):
    """A sweep that had to stop; what was finished is recorded."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep.  What was finished is recorded, and the same call does the rest.

    Attributes
    ----------
    done, total : int
        Cells finished by this call, and cells it had to do.
    """

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"interrupted: {done} of {total} cells done and recorded")
        self.done, self.total = done, total


class DatasetUnavailable(OSError):
    """A data file is neither in the data folder nor obtainable; the message says where to put it."""


class DatasetCorrupted(OSError):
    """A data file is there, but its SHA-256 is not the one this package was written for."""
