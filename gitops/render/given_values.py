"""Values from ConfigMaps and Secrets: given to Helm as files, and kept out of every message."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from gitops.core.model import Json, Rendered
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.render_options import GivenValues
from gitops.observe.hiding import redactor_of
from gitops.observe.redaction import Redactor
from gitops.render.errors import RenderError, problems_of
from gitops.render.limits import Budget
from gitops.render.yaml_reader import read_yaml

_TOO_LONG = 60_000  # characters: a tool's error is cut near there, perhaps amid a value
_CUT = 4_096


@dataclass(frozen=True, slots=True)
class Given:
    """The value files in their order, relative to the render's folder, and the Secrets' values."""

    files: tuple[str, ...]
    hidden: tuple[str, ...]
    _redactor: Redactor

    def hide(self, text: str) -> str:
        """`text` without the Secrets' values."""
        if not self.hidden:
            return text
        return self._redactor.text(text[:-_CUT] if len(text) > _TOO_LONG else text)

    @contextmanager
    def hidden_in_errors(self) -> Iterator[None]:
        """Whatever fails in here says nothing of the Secrets' values, though Helm may quote them."""
        try:
            yield
        except GitopsError as error:
            if not self.hidden:
                raise
            problems = [
                replace(
                    one,
                    message=self.hide(one.message),
                    where=self.hide(one.where),
                    advice=self.hide(one.advice),
                )
                for one in problems_of(error)
            ]
            # Without its cause, which holds what was hidden.
            raise RenderError(problems) from None

    def hidden_in(self, rendered: Rendered) -> Rendered:
        """The result, its warnings without the values, which are noted for what comes later."""
        warnings = tuple(map(self.hide, rendered.warnings))
        return replace(rendered, warnings=warnings, hidden=self.hidden)


def written(values: Sequence[GivenValues], folder: Path, budget: Budget) -> Given:
    """Write each as a file for Helm. Raises GitopsError INVALID_VALUES, without what it holds."""
    files: list[str] = []
    hidden: dict[str, None] = {}
    for index, one in enumerate(values):
        value = _at(one.target_path, one.text) if one.target_path else _mapping(one, Budget(budget.limits))
        name = f"values-from-{index}.json"
        (folder / name).write_text(json.dumps(value))
        files.append(name)
        if one.secret:
            hidden.update(dict.fromkeys(_scalars(value)))
    return Given(tuple(files), tuple(hidden), redactor_of(tuple(hidden)))


def _mapping(given: GivenValues, budget: Budget) -> Json:
    try:
        documents = [one.value for one in read_yaml(given.text.encode(), "values", budget)]
    except GitopsError as error:
        if error.problem.reason is not Reason.INVALID_MANIFEST:
            raise
        # A parser quotes what it stumbles over: a name that it doesn't know, a key that is there twice.
        line = re.match(r"values:(\d+)", error.problem.where)
        place = f" (line {line[1]})" if line else ""
        raise _invalid(given, f"is not valid YAML{place}") from None
    if documents in ([], [None]):
        return {}
    if len(documents) > 1:
        raise _invalid(given, "has several YAML documents")
    if not isinstance(documents[0], dict):
        raise _invalid(given, "is no YAML mapping")
    return documents[0]


def _invalid(given: GivenValues, what: str) -> GitopsError:
    advice = "correct the content; if it is one value rather than a mapping, set targetPath"
    return fail(Reason.INVALID_VALUES, f"{given.origin} {what}", Blame.SPEC, where=given.where, advice=advice)


def _at(path: str, text: str) -> Json:
    """A single value at `auth.password`; what a backslash precedes is part of the name."""
    value: Json = text
    for part in reversed(re.findall(r"(?:\\.|[^.\\])+", path)):
        value = {re.sub(r"\\(.)", r"\1", part): value}
    return value


def _scalars(value: Json) -> Iterator[str]:
    """Every text and number in it, as Helm may print it. Words like `true` hide nothing."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from _scalars(one)
    elif isinstance(value, str):
        yield value
    elif value is not None and not isinstance(value, bool):
        yield str(value)
        yield _as_go_prints(value)


def _as_go_prints(number: float) -> str:
    """Templates see numbers as float64, and Go prints 12345678 as 1.2345678e+07."""
    shortest = Decimal(repr(number)).normalize().as_tuple()
    if not isinstance(shortest.exponent, int):
        return str(number)
    first, *others = map(str, shortest.digits)
    exponent = shortest.exponent + len(others)
    return f"{first}{'.' if others else ''}{''.join(others)}e{exponent:+03}"
