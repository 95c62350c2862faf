"""The error of a render: all that is wrong, not only the first thing."""

from collections.abc import Mapping, Sequence

from gitops.core.problem import Blame, GitopsError, Problem, Reason, fail

MAX_PROBLEMS = 20


class RenderError(GitopsError):
    """A render that failed, with everything that the reader has to repair (at most 20).

    `reads` is what the render could see (path to digest, None: not there): while it stays the
    same, and the options too, the render would fail again.
    """

    def __init__(self, problems: Sequence[Problem], reads: Mapping[str, str | None] | None = None) -> None:
        super().__init__(problems[0])
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.reads = dict(reads or {})


def problems_of(error: GitopsError) -> tuple[Problem, ...]:
    """All problems that an error carries."""
    return error.problems if isinstance(error, RenderError) else (error.problem,)


def unavailable(message: str) -> GitopsError:
    """The renderer can't be reached or broke off: nothing that a commit could repair."""
    return fail(Reason.RENDERER_UNAVAILABLE, message, Blame.OURSELVES)
