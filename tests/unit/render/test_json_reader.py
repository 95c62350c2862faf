"""JSON manifests: several in a row, duplicate keys, places of errors."""

from typing import Any

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.render.json_reader import read_json
from gitops.render.limits import Budget, Limits


def read(text: str | bytes, limits: Limits | None = None) -> list[tuple[int, Any]]:
    data = text.encode() if isinstance(text, str) else text
    return [(each.line, each.value) for each in read_json(data, "a.json", Budget(limits or Limits()))]


def problem(text: str | bytes) -> str:
    with pytest.raises(GitopsError) as caught:
        read(text)
    return str(caught.value)


def test_values_in_a_row_have_their_lines() -> None:
    assert read('{"a": 1}\n\n{"b": [1.0, 1e3, 0.5, "\\ud83d\\ude00"]}') == [
        (1, {"a": 1}),
        (3, {"b": [1, 1000, 0.5, "😀"]}),
    ]


def test_an_empty_file_has_no_documents() -> None:
    assert read("") == []
    assert read(" \n") == []


def test_a_number_beyond_64_bits_is_a_float_as_in_go() -> None:
    ((_, found),) = read("[9223372036854775807, 9223372036854775808]")
    assert found == [9223372036854775807, 9223372036854775808.0]
    assert [type(each) for each in found] == [int, float]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n "b": {"c": 1,\n "c": 2}}', "a.json:3: key 'c' is given twice, first in line 2"),
        ('{"a": 1,\n "a": "\\ud83d\\ude00"}', "a.json:1: key 'a' is given twice"),
        ('{"a": 1,\n}', "a.json:2:1: not valid JSON"),
        ('{"a": NaN}', "a.json:1: NaN has no meaning in JSON"),
        ('{"a": 1e999}', "a.json:1: number 1e999 is too large"),
        (b'{"a":\n "\xff"}', "a.json:2: not UTF-8 text"),
    ],
)
def test_an_error_says_where_it_is(text: str | bytes, said: str) -> None:
    assert problem(text).startswith(said)


def test_depth_is_bounded() -> None:
    with pytest.raises(GitopsError) as caught:
        read("[" * 100_000)
    assert caught.value.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
