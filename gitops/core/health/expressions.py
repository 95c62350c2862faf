"""CEL: expressions compiled once, and the few values that they read."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

ROOTS = frozenset({"metadata", "spec", "status", "object", "conditions"})

# What to copy: None means everything at this place.
Paths: TypeAlias = "dict[str, Paths] | None"
Run: TypeAlias = Callable[[Any], Any]

_LONGEST_SHOWN = 120

_KNOWN = """
    size startsWith endsWith contains matches string int uint double bool bytes duration timestamp type dyn
    min max getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes
    getSeconds getMilliseconds has all exists exists_one map filter
"""
_FUNCTIONS = frozenset(_KNOWN.split())
_STRING = re.compile(r"""[rR]?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_CHAIN = re.compile(
    r"""(?<![\w.\])"'])(metadata|spec|status|object|conditions)\b"""
    r"""((?:\s*\.\s*[A-Za-z_]\w*(?!\w*\s*\()|\s*\[\s*(?:"[^"\\]*"|'[^'\\]*')\s*\])*)"""
)
_STEP = re.compile(r"""\.\s*(\w+)|\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\]""")


class InvalidExpressionError(ValueError):
    """An expression that can't be compiled, or that names something that isn't there."""


def compile_expression(source: str) -> Run:
    """A function from a context to the expression's value; raises InvalidExpressionError."""
    library = _library()
    try:
        program = library.compile(source)
        names = program.references()
    except BaseException as error:
        if not _is_failure(error):
            raise
        lines = str(error).splitlines() or ["it can't be compiled"]
        raise InvalidExpressionError(f"{_shown(source)} is not valid CEL: {_first_reason(lines)}") from None
    own = set(_MACRO_VARIABLE.findall(_STRING.sub('""', source)))
    unknown = sorted(set(names["variables"]) - ROOTS - own)
    if unknown:
        known = ", ".join(sorted(ROOTS))
        raise InvalidExpressionError(f"{_shown(source)} names {unknown[0]}, which isn't one of {known}")
    strange = sorted(one for one in names["functions"] if one[0].isalpha() and one not in _FUNCTIONS)
    if strange:
        raise InvalidExpressionError(f"{_shown(source)} calls {strange[0]}(), which is not a function of CEL")
    execute: Run = program.execute
    return execute


def _shown(source: str) -> str:
    plain = " ".join(source.split())
    return f"'{plain}'" if len(plain) <= _LONGEST_SHOWN else f"'{plain[:_LONGEST_SHOWN]}…'"


def _first_reason(lines: list[str]) -> str:
    found = re.search(r"ERROR: <input>:\d+:(\d+): (.*)", lines[0] + "\n" + "\n".join(lines[1:]))
    return f"{found[2][:200]} at character {found[1]}" if found else lines[0][:200]


def paths_of(sources: list[str]) -> dict[str, Paths]:
    """What these expressions read, as a tree of names below the roots."""
    tree: dict[str, Paths] = {}
    for source in sources:
        for root, steps in _chains(source):
            _add(tree, [root, *steps])
    return tree


def _chains(source: str) -> list[tuple[str, list[str]]]:
    # Text in quotes may look like a path, but not where it is an index: conditions["Ready"].
    plain = _STRING.sub(
        lambda found: found[0] if _is_index(found) else f'"{" " * (len(found[0]) - 2)}"', source
    )
    return [
        (found[1], ["".join(step) for step in _STEP.findall(found[2])]) for found in _CHAIN.finditer(plain)
    ]


def _is_index(found: re.Match[str]) -> bool:
    before, after = found.string[: found.start()].rstrip(), found.string[found.end() :].lstrip()
    return before.endswith("[") and after.startswith("]")


def _add(tree: dict[str, Paths], names: list[str]) -> None:
    for name in names[:-1]:
        below = tree.setdefault(name, {})
        if below is None:
            return
        tree = below
    tree[names[-1]] = None


def project(value: Any, paths: Paths) -> Any:
    """The part of a value that lies at these paths."""
    if paths is None or not isinstance(value, Mapping):
        return value
    return {name: project(value[name], below) for name, below in paths.items() if name in value}


def context(values: Mapping[str, Any]) -> Any:
    """Values ready for any number of expressions. None: they can't be expressed in CEL."""
    try:
        return _library().Context(variables=values)
    except BaseException as error:
        if not _is_failure(error):
            raise
        return None


def value_of(run: Run, given: Any) -> Any:
    """An expression's value; None where it fails, as it does on every key that isn't there."""
    try:
        return run(given)
    except BaseException as error:
        if not _is_failure(error):
            raise
        return None


def _is_failure(error: BaseException) -> bool:
    # A panic in Rust is no Exception, but must not end a watch either.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


@cache
def _library() -> Any:
    """The extension module of common-expression-language without the rest of its package.

    The package imports its own command line first: a second of CPU, a dozen megabytes.
    """
    from importlib.machinery import PathFinder
    from importlib.util import find_spec, module_from_spec

    package = find_spec("cel")
    found = PathFinder.find_spec("cel.cel", package.submodule_search_locations if package else None)
    if found is None or found.loader is None:
        raise ImportError("common-expression-language is not installed", name="cel")
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module
