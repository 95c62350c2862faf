"""How bad a finding is; by itself, since the command's options need nothing else."""

from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: an error can't work as written, a warning works until the day it doesn't."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """The worse, the greater."""
        return list(Severity).index(self)
