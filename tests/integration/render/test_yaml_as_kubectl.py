"""The YAML reader against kubectl itself."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitops.core.problem import GitopsError
from gitops.local.binaries import ensure
from gitops.local.progress import Printed
from gitops.render.limits import Budget, Limits
from gitops.render.yaml_reader import read_yaml

HEADER = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\n"


@pytest.fixture(scope="session")
def kubectl_reads(can_not_be_had: Callable[[str], None]) -> Callable[[str], Any]:
    try:
        kubectl = str(ensure(["kubectl"], Printed())["kubectl"])
    except GitopsError as error:
        can_not_be_had(str(error))
        raise

    def read(text: str) -> Any:
        # A change is needed for it to print anything; it never asks a server with --local.
        command = [kubectl, "label", "--local", "-f", "-", "-o", "json", "x=y"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        return json.loads(done.stdout)["spec"] if done.returncode == 0 else None

    return read


def ours(text: str) -> Any:
    try:
        (document,) = read_yaml(text.encode(), "a.yaml", Budget(Limits()))
    except GitopsError:
        return None
    assert isinstance(document.value, dict)
    return document.value["spec"]


def same(first: Any, second: Any) -> bool:
    """Equal, and of the same types: Python takes 1, 1.0 and True for equal."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    numbers = isinstance(first, int | float) and isinstance(second, int | float)
    both_numbers = numbers and not isinstance(first, bool) and not isinstance(second, bool)
    if both_numbers and abs(first) >= 1 << 63:
        return float(first) == float(second)  # beyond 64 bits each writes the same float its own way
    return first == second and (both_numbers or type(first) is type(second))


WORDS = """
y Y n N yes no on off true false TRUE False oN tRue t f null NULL Null ~ nil none
0 -0 +0 00 007 017 018 -017 +017 0o17 0O17 0o8 0x1f 0X1F -0x1f 0xg 0b11 0B11 -0b11 +0b11 0b2
1_000 1__0 1_ _1 -_1 0x_f 0_7 1e3 1E3 1e+3 1e-3 -1e3 1. 1.0 1.50 .5 -.5 +.5 .5e1 .e1 1.e2 1_0.5
.5_0 .5_ ._5 .1e1_0 .1_e1 -.5_0 .5__0 12:30:45 1:30 190:20:30.15
2001-12-14 2001-12-14T21:59:43.10-05:00 2001-1-1 20011214
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
18446744073709551615 18446744073709551616 +18446744073709551615 0xffffffffffffffff
0x10000000000000000 01777777777777777777777 1e20 1e21 1e22 1e308 1e309 -1e309 1e-400 5e-324
1.7976931348623157e308 0.1 0.30000000000000004 0_0E500 -1_0e999 123456789.123456789 1e15 1e16 1e17
<< = 1.2.3 1a a1 -a +a .a . .. ... +. -. 0x 0b 0o 0. inf nan Infinity NaN .Inf1 1e 1e+ e3 1-2 1+1
"""
TAGGED = """
!!str 12;!!int 12;!!float 12;!!float 1.5;!!bool yes;!!null ~;!custom 12;!!binary aGFsbG8=
'12';"12";"\\u263a \\x41 \\n";a #b;a#b;[a, 1, y];{a: 1, y: 2}
"""
BLOCKS = ["|\n    a\n    b\n", ">-\n    a\n    b\n"]
TRICKY = [*WORDS.split(), *TAGGED.strip().replace("\n", ";").split(";"), *BLOCKS]
KEYS = [
    "y",
    "1",
    "0x10",
    "1.5",
    "1.0",
    "1e6",
    "1e21",
    "0.00001",
    "100000.5",
    "true",
    "2001-12-14",
    "'1'",
    "017",
]


def test_tricky_scalars_mean_the_same(kubectl_reads: Callable[[str], Any]) -> None:
    document = f"{HEADER}spec:\n" + "".join(f"- v: {text}\n" for text in TRICKY)
    expected, found = kubectl_reads(document), ours(document)
    assert len(found) == len(TRICKY)
    differing = zip(TRICKY, found, expected, strict=True)
    assert [each for each in differing if not same(each[1], each[2])] == []


@pytest.mark.parametrize(
    "text", [".nan", ".inf", "-.inf", "!!int a", "!!float a", "!!bool 1", "*a", "[", "@a", "`a"]
)
def test_what_kubectl_refuses_is_refused(kubectl_reads: Callable[[str], Any], text: str) -> None:
    document = f"{HEADER}spec:\n  v: {text}\n"
    assert kubectl_reads(document) is None
    assert ours(document) is None


@pytest.mark.parametrize("text", KEYS)
def test_a_tricky_key_means_the_same(kubectl_reads: Callable[[str], Any], text: str) -> None:
    document = f"{HEADER}spec:\n  {text}: v\n"
    assert ours(document) == kubectl_reads(document)


@pytest.mark.parametrize(
    "spec",
    [
        "{a: &a {p: 1, q: 2}, b: {<<: *a, p: 3}}",
        "{a: &a {p: 1, q: 2}, c: &c {q: 3, r: 4}, b: {<<: [*a, *c]}}",
        "{a: &a {p: 1}, b: {p: 3, <<: *a}}",
        "{a: &a [1], b: *a, c: &a [2], d: *a}",
        "{a: &x 1, b: *x}",
        "\n  a: |+\n    x\n\n  b: >\n    y\n    z\n",
        "\n  ? a\n  : b\n",
        "{a: , b: ''}",
    ],
)
def test_structures_mean_the_same(kubectl_reads: Callable[[str], Any], spec: str) -> None:
    document = f"{HEADER}spec: {spec}\n"
    assert same(ours(document), kubectl_reads(document)), (ours(document), kubectl_reads(document))


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.from_regex(r"[-+]?[0-9a-fxobeE_.:yn]{1,12}", fullmatch=True), min_size=20, max_size=60))
def test_whatever_looks_like_a_number_means_the_same(
    kubectl_reads: Callable[[str], Any], texts: list[str]
) -> None:
    values = "".join(f"  - v: {text}\n" for text in texts if not text.endswith(":") and text != "-")
    document = f"{HEADER}spec:\n{values or '  - 1'}"
    expected, found = kubectl_reads(document), ours(document)
    assert same(found, expected), [pair for pair in zip(found, expected, strict=True) if not same(*pair)]
