"""How help looks: commands by subject, options by what they are about, examples, exit codes. Plain text.

A command's docstring is its source: prose, lines that begin with `Example: `, with `Exit code N: `,
and one with `See also: `.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

# In the order in which people need them; a test holds every command to have its place here.
SUBJECTS: dict[str, tuple[str, ...]] = {
    "Deploying": ("render", "lint", "diff", "plan", "sync"),
    "Looking": ("status", "tree", "why", "events", "history", "health"),
    "Steering": ("refresh", "suspend", "resume", "rollback"),
    "Setting up": ("install", "uninstall", "import", "completion", "demo"),
    "Processes": ("controller", "renderer"),
}
EXIT_CODES = (
    ("0", "Done, or no differences."),
    ("1", "diff and lint alone: there are differences or findings."),
    ("2", "The call is wrong: an option, a file or an Application that is not there."),
    ("3", "The content of the repository or file is at fault."),
    ("4", "The cluster or Git server refused or can't be reached, or gitops failed."),
    ("5", "A guard of ours refused."),
)
_CLUSTER = ("kubeconfig", "context", "namespace", "system")
_OUTPUT = ("output", "no_color", "log_level", "log_format", "debug")
_CALL = re.compile(r"(?:^|(?<=[|] ))gitops ")
_EXIT_CODE = re.compile(r"Exit code (?P<code>\d+): (?P<words>.+)")


@dataclass(frozen=True, slots=True)
class Described:
    """A command's docstring, taken apart."""

    words: tuple[str, ...]  # paragraphs
    examples: tuple[str, ...]
    exit_codes: tuple[tuple[str, str], ...]
    see_also: str

    @property
    def summary(self) -> str:
        """The first sentence."""
        return re.split(r"(?<=[.!?;])\s", self.words[0], maxsplit=1)[0].rstrip(";.") if self.words else ""


def describe(text: str) -> Described:
    """Take a docstring apart."""
    words: list[str] = []
    examples: list[str] = []
    codes: list[tuple[str, str]] = []
    see_also = ""
    for paragraph in re.split(r"\n\s*\n", text.replace("\b", "")):
        prose: list[str] = []
        for line in map(str.strip, paragraph.strip().split("\n")):
            if line.startswith("Example: "):
                examples.append(line.removeprefix("Example: "))
            elif found := _EXIT_CODE.match(line):
                codes.append((found["code"], found["words"]))
            elif line.startswith("See also: "):
                see_also = line.removeprefix("See also: ")
            elif line:
                prose.append(line)
        if prose:
            words.append(" ".join(prose))
    return Described(tuple(words), tuple(examples), tuple(codes), see_also)


class Command(TyperCommand):
    """One command whose help is in sections."""

    def format_help_text(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        for words in describe(self.help or "").words:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(words)

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        for title, params in sections(self, ctx):
            with formatter.section(title):
                formatter.write_dl([record for one in params if (record := one.get_help_record(ctx))])

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        described = describe(self.help or "")
        called = program(ctx)
        if described.examples:
            with formatter.section("Examples"):
                for example in described.examples:
                    formatter.write(f"  {_CALL.sub(f'{called} ', example)}\n")
        if described.exit_codes:
            with formatter.section("Exit codes"):
                formatter.write_dl(described.exit_codes)
        if described.see_also:
            with formatter.section("See also"):
                formatter.write_text(described.see_also)


def sections(command: TyperCommand, ctx: "Context") -> Iterator[tuple[str, list[Any]]]:
    """The parameters by what they are about; empty sections are left out."""
    found: dict[str, list[Any]] = {"Arguments": [], "Options": [], "Output": [], "Cluster": []}
    has_cluster = any(one.name == "kubeconfig" for one in command.params)
    for one in command.get_params(ctx):
        if one.get_help_record(ctx) is None:  # hidden
            continue
        found[_section(one, has_cluster=has_cluster)].append(one)
    yield from ((title, params) for title, params in found.items() if params)


def _section(parameter: Any, *, has_cluster: bool) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    if parameter.name in _OUTPUT:
        return "Output"
    return "Cluster" if has_cluster and parameter.name in _CLUSTER else "Options"


def program(ctx: "Context") -> str:
    """What the user has called: `gitops` or `kubectl gitops`."""
    return str(ctx.find_root().info_name or "gitops")


class Group(TyperGroup):
    """The command itself, with its commands by subject."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        for subject, names in SUBJECTS.items():
            commands = [(name, self.commands[name]) for name in names if name in self.commands]
            if commands:
                with formatter.section(subject):
                    rows = [(name.ljust(10), describe(one.help or "").summary) for name, one in commands]
                    formatter.write_dl(rows)

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        self.format_commands(ctx, formatter)
        records = [record for one in self.get_params(ctx) if (record := one.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(records)

    def format_epilog(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)
        formatter.write_paragraph()
        formatter.write_text(f"`{program(ctx)} COMMAND --help` says more about one command.")
