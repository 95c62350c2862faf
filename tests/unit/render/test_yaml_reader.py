"""YAML as kubectl reads it: scalars, keys, merges, places of errors, bombs."""

import time

import pytest
import yaml

from gitops.core.model import Json
from gitops.core.problem import GitopsError, Reason
from gitops.render.limits import Budget, Limits
from gitops.render.yaml_reader import Document, read_yaml


def documents(text: str | bytes, limits: Limits | None = None) -> list[Document]:
    data = text.encode() if isinstance(text, str) else text
    return list(read_yaml(data, "deploy/app.yaml", Budget(limits or Limits())))


def value(text: str) -> Json:
    (document,) = documents(text)
    return document.value


def problem(text: str | bytes, limits: Limits | None = None) -> str:
    with pytest.raises(GitopsError) as caught:
        documents(text, limits)
    assert caught.value.problem.reason is Reason.INVALID_MANIFEST
    return f"{caught.value.problem.where} {caught.value.problem.message}"


def exceeded(text: str, limits: Limits | None = None) -> str:
    with pytest.raises(GitopsError) as caught:
        documents(text, limits)
    assert caught.value.problem.reason is Reason.RENDER_LIMIT_EXCEEDED
    return caught.value.problem.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y", True),
        ("Yes", True),
        ("on", True),
        ("oN", "oN"),
        ("off", False),
        ("~", None),
        ("Null", None),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("-017", -15),
        ("08", 8),
        ("0b101", 5),
        ("1_000", 1000),
        ("+12", 12),
        ("1.0", 1),
        ("1e3", 1000),
        ("0.5", 0.5),
        (".5", 0.5),
        (".5_0", 0.5),
        (".5_", ".5_"),
        ("1_0.5", 10.5),
        ("-0.0", 0),
        ("1e20", 1e20),
        ("1e999", "1e999"),
        ("9223372036854775807", 9223372036854775807),
        ("18446744073709551615", 18446744073709551615.0),
        ("0xFFFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFFF"),
        ("12:30:45", "12:30:45"),
        ("190:20", "190:20"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
        ("'yes'", "yes"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3),
        ("!!bool 'on'", True),
        ("!!null ''", None),
        ("!!binary aGFsbG8=", "hallo"),
        ("!custom 12", "12"),
        ("! 12", 12),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, expected: Json) -> None:
    found = value(f"key: {text}")
    assert found == {"key": expected}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(expected)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1", "1"),
        ("true", "true"),
        ("yes", "true"),
        ("0x10", "16"),
        ("1.50", "1.5"),
        ("1e6", "1e+06"),
        ("'1'", "1"),
    ],
)
def test_a_key_becomes_text(text: str, key: str) -> None:
    assert value(f"{text}: x") == {key: "x"}


def test_merge_keys_follow_go_yaml() -> None:
    base = "base: &b {p: 1, q: 2}\nother: &o {q: 3, r: 4}\n"
    assert value(f"{base}x: {{<<: *b, p: 9}}") == {
        "base": {"p": 1, "q": 2},
        "other": {"q": 3, "r": 4},
        "x": {"p": 9, "q": 2},
    }
    found = value(f"{base}x: {{<<: [*b, *o]}}")
    assert isinstance(found, dict)
    assert found["x"] == {"p": 1, "q": 2, "r": 4}  # the first of the list wins


def test_an_anchor_may_be_defined_again() -> None:
    assert value("a: &x 1\nb: *x\nc: &x 2\nd: *x") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_documents_are_told_apart_with_their_lines() -> None:
    found = documents("# a comment\na: 1\n---\n---\n\n# more\nb: 2\n...\n---\nc: 3\n")
    assert [(document.line, document.value) for document in found if document.value] == [
        (2, {"a": 1}),
        (7, {"b": 2}),
        (10, {"c": 3}),
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert [each.value for each in documents(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  x\r\n  y\r\n")] == [
        {"a": 1, "b": "x\ny\n"}
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: 1\nb:\n  c: 1\n  d: {x: 1}\n  c: 2\n",
            "deploy/app.yaml:5 key 'c' is given twice, first in line 3",
        ),
        ("a: 1\nb: 2\na: 3", "deploy/app.yaml:3 key 'a' is given twice, first in line 1"),
        ("1: a\n'1': b", "deploy/app.yaml:2 key '1' is given twice, first in line 1"),
        ("x: 1\n---\n- {a: 1, a: 2}", "deploy/app.yaml:3 key 'a' is given twice, first in line 3"),
        ("a: .nan", "deploy/app.yaml:1:4 `.nan` has no meaning in JSON"),
        ("a: -.inf", "deploy/app.yaml:1:4 `-.inf` has no meaning in JSON"),
        ("~: a", "deploy/app.yaml:1:1 a key can't be null"),
        ("? [a]\n: b", "deploy/app.yaml:1:3 a key can't be a list or a mapping"),
        ("a: *b", "deploy/app.yaml:1:4 *b refers to no anchor before it"),
        ("a: &a [*a]", "deploy/app.yaml:1:8 *a refers to no anchor before it"),
        ("a: &a [x]\nb: {<<: *a}", "deploy/app.yaml:2:9 << takes a mapping or a list of mappings"),
        ("a: !!int foo", "deploy/app.yaml:1:4 `foo` is not a !!int"),
        ("a: !!binary '!'", "deploy/app.yaml:1:4 !!binary value is not Base64"),
        ("a:\n\tb: 1", "deploy/app.yaml:2:1 not valid YAML: while scanning for the next token"),
        ("a: [1,\nb: 2", "deploy/app.yaml:3:1 not valid YAML: while parsing a flow sequence"),
        (b"a: 1\nb: \xff\n", "deploy/app.yaml:2 not UTF-8 text"),
    ],
)
def test_an_error_says_where_it_is(text: str | bytes, said: str) -> None:
    assert problem(text).startswith(said)


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    assert "aliases written out" in exceeded("\n".join(lines))


def test_a_long_string_is_no_cheap_bomb() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 10_000)}]"
    assert "aliases written out" in exceeded(text)


def test_merges_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 {k0: x}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, 12)]
    assert "aliases written out" in exceeded("\n".join(lines))


def test_a_merge_of_very_many_is_stopped_before_it_is_done() -> None:
    keys = ", ".join(f"k{number}: 1" for number in range(5_000))
    start = time.process_time()
    exceeded(f"a: &a {{{keys}}}\nb: {{<<: [{', '.join(['*a'] * 50_000)}]}}")
    assert time.process_time() - start < 4


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_depth_is_bounded(text: str) -> None:
    assert "nested more than 150 levels" in exceeded(text)


def test_a_million_documents_are_stopped() -> None:
    assert exceeded("---\n" * 1_000_000) == "more than 20000 documents and objects"


def test_reading_is_not_slower_than_pyyaml() -> None:
    document = "kind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec:\n  containers:\n" + "".join(
        f"  - name: c{index}\n    image: example.com/app:1.{index}\n    ports: [{{containerPort: {index}}}]\n"
        for index in range(20)
    )
    text = "---\n".join([document] * 100)

    def seconds(read: object) -> float:
        best = 60.0
        for _ in range(3):
            start = time.process_time()
            read()  # type: ignore[operator]
            best = min(best, time.process_time() - start)
        return best

    pyyaml = seconds(lambda: list(yaml.load_all(text, yaml.CSafeLoader)))
    assert seconds(lambda: documents(text)) < pyyaml * 1.5  # measured: 0.7
