"""Long builds show that they live, in a terminal and in a log file."""

import io

from gitops.local.progress import Printed, Step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_file_gets_a_line_at_least_every_fifteen_seconds() -> None:
    stream = io.StringIO()
    printed = Printed(stream)
    step = Step("helm", 3, 8)
    for second in range(41):
        printed(step.after(second))
    printed(step.after(41, done=True))
    assert stream.getvalue().splitlines() == [
        "3 of 8: building helm, 0 s",
        "3 of 8: building helm, 15 s",
        "3 of 8: building helm, 30 s",
        "3 of 8: built helm, 41 s",
    ]


def test_a_log_file_gets_a_line_when_the_next_tool_begins() -> None:
    stream = io.StringIO()
    printed = Printed(stream)
    printed(Step("kwok", 1, 2))
    printed(Step("helm", 2, 2))
    assert stream.getvalue().count("\n") == 2


def test_a_terminal_counts_in_one_line() -> None:
    stream = Terminal()
    printed = Printed(stream)
    step = Step("helm", 1, 1)
    for second in range(3):
        printed(step.after(second))
    printed(step.after(3, done=True))
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r") == 4
