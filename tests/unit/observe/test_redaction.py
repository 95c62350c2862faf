"""Planted credentials must not come out, in whatever form they were put in."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.observe.redaction import MASK, Redactor, is_secret_key

PLANTED = 'pl4nted/Sec ret+vär"de\\?>~='
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nQyNTUxOQAAACD0\n"
    "-----END OPENSSH PRIVATE KEY-----\n"
)


def remembering(*values: str | bytes) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.remember(value)
    return redactor


FRAME = json.dumps({"annotation": json.dumps({"x": ""})})


@pytest.mark.parametrize(
    ("form", "around"),
    [
        (PLANTED, 0),
        (json.dumps(PLANTED), 2),
        (json.dumps(PLANTED, ensure_ascii=False), 2),
        (json.dumps({"annotation": json.dumps({"x": PLANTED})}), len(FRAME)),
        (quote(PLANTED), 0),
        (quote(PLANTED, safe=""), 0),
        (quote_plus(PLANTED), 0),
        (repr(PLANTED), 2),
        # In base64 characters at each end stand for bytes beside the value too.
        (base64.b64encode(PLANTED.encode()).decode(), 3),
        (base64.urlsafe_b64encode(PLANTED.encode()).decode(), 3),
        (base64.b64encode(b"b:" + PLANTED.encode()).decode(), 6),
        (base64.b64encode(b"bo:" + PLANTED.encode() + b"\n").decode(), 7),
        (base64.b64encode(b"bob:" + PLANTED.encode() + b"tail").decode(), 14),
    ],
)
def test_a_remembered_value_is_masked_in_every_form(form: str, around: int) -> None:
    written = remembering(PLANTED).text(f"git said: {form}, and more")
    assert written.startswith("git said: ")
    assert written.endswith(", and more")
    assert written.count(MASK) == 1
    assert len(written) - len("git said: ***, and more") <= around


@given(st.text(min_size=6, max_size=40), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_around_a_value_does_not_hide_it(value: str, before: bytes, after: bytes) -> None:
    if len(value.strip()) < 6:
        return
    encoded = base64.b64encode(before + value.strip().encode() + after).decode()
    written = remembering(value).text(encoded)
    assert len(written.replace(MASK, "")) <= len(encoded) - len(value.strip().encode()) * 8 // 6 + 2


def test_each_line_of_a_key_is_masked_even_without_its_frame() -> None:
    written = remembering(KEY).text("loading b3BlbnNzaC1rZXktdjEAAAAA failed")
    assert written == f"loading {MASK} failed"


@pytest.mark.parametrize(
    ("text", "leak"),
    [
        ("fatal: https://bob:hunter22@git.example.com/x.git not found", "hunter22"),
        ("fatal: https://ghost-token-77@git.example.com/x.git not found", "ghost-token-77"),
        ("https://bob:p@ss:w0rd@git.example.com/", "w0rd"),
        ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
        ('{"Authorization": "Basic Ym9iOmh1bnRlcjIy"}', "Ym9iOmh1bnRlcjIy"),
        (r"{\"authorization\":\"token deadbeef99\"}", "deadbeef99"),
        ("sent bearer eXlKaGJHY2lPaUpTVXpJMU5pSjk", "eXlKaGJHY2lPaUpTVXpJMU5pSjk"),
        ("GET /hook?access_token=abcdef99&x=1", "abcdef99"),
        ('body {"password": "hunter22"}', "hunter22"),
        ("Authorization: Digest-hunter22", "hunter22"),
        ("sent basic Ym9iOmh1bnRlcjIy", "Ym9iOmh1bnRlcjIy"),
        ("--set api_key=hunter22", "hunter22"),
        ("--set passphrase=hunter22", "hunter22"),
        ("remote: glpat-a1B2a1B2a1B2a1B2a1B2", "a1B2a1B2"),
        (f"could not read {KEY} from file", "b3BlbnNzaC1r"),
        (KEY[:60], "b3BlbnNz"),
        (json.dumps({"identity": KEY}), "b3BlbnNzaC1r"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl", "eyJpc3Mi"),
        ("remote: ghp_" + "a1B2" * 9, "a1B2a1B2"),
        ("AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 5, "QPZRY9X8GF"),
    ],
)
def test_what_looks_like_a_credential_is_masked_unasked(text: str, leak: str) -> None:
    assert leak in text
    written = Redactor().text(text)
    assert leak not in written
    assert MASK in written


@pytest.mark.parametrize(
    "text",
    [
        "Secret shop/git-token not found: create it, or correct spec.source.credentials.secretName",
        "ssh://git@git.example.com:22/shop.git: basic authentication failed",
        "https://git.example.com/shop.git@v1 at deploy/prod",
        "Deployment.apps shop/web: token expired",
        "sha256:24a0c4b4fb1e1d1c3b4d5e6f",
    ],
)
def test_a_message_without_credentials_stays_readable(text: str) -> None:
    assert Redactor().text(text) == text


def test_fields_are_masked_by_their_names() -> None:
    event = {"password": "x1", "apiKey": "x2", "git_token": "x3", "secretName": "shop-git", "token_count": 3}
    assert Redactor().value(event) == {
        "password": MASK,
        "apiKey": MASK,
        "git_token": MASK,
        "secretName": "shop-git",
        "token_count": 3,
    }
    assert not is_secret_key("secret_name")


def test_the_data_of_a_secret_object_never_comes_out() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"annotations": {"last-applied": '{"data":{"a":"cGxhbnRlZA=="}}'}},
        "data": {"a": "cGxhbnRlZA=="},
        "stringData": {"b": "planted"},
    }
    written = json.dumps(Redactor().value({"objects": [secret]}))
    assert "planted" not in written
    assert "cGxhbnRlZA" not in written
    assert '"kind": "Secret"' in written


def test_whatever_is_logged_becomes_json() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd https://bob:hunter22@host/"

    deep: list[object] = []
    deep.append(deep)
    value = {"odd": Odd(), "bytes": b"\xff", "nan": float("nan"), "set": {1}, 5: None, "deep": deep}
    written = json.dumps(Redactor().value(value), allow_nan=False)
    assert "hunter22" not in written
    assert '"5": null' in written


def test_control_characters_cannot_rewrite_the_terminal() -> None:
    assert Redactor().text("a\x1b[2Jb\nc\td") == "a\\x1b[2Jb\nc\td"


def test_short_values_are_left_alone_because_they_would_riddle_every_word() -> None:
    assert remembering("on", "").text("one moment") == "one moment"


def test_the_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    redactor = remembering("the-first-value", *(f"value-number-{number:05}" for number in range(999)))
    redactor.remember("the-first-value")
    redactor.remember("one-more-value")
    assert redactor.text("the-first-value one-more-value") == f"{MASK} {MASK}"
    assert redactor.text("value-number-00000") == "value-number-00000"
    assert redactor.text("value-number-00001") == MASK


def test_a_line_that_two_values_share_stays_masked_when_one_is_forgotten() -> None:
    redactor = remembering("shared-line\nfirst-line", "shared-line\nsecond-line")
    for number in range(999):
        redactor.remember(f"value-number-{number:05}")
    assert redactor.text("first-line second-line shared-line") == f"first-line {MASK} {MASK}"


def test_the_end_of_a_long_text_is_cut_at_a_word_so_that_no_half_credential_is_left() -> None:
    text = "x " * 32_760 + "https://bob:hunter22hunter22hunter22hunter22hunter22@host/ more"
    written = Redactor().text(text)
    assert "hunt" not in written
    assert written.endswith(f"({len(text)} characters)")
    assert Redactor().text(" " * 70_000).endswith("(70000 characters)")


@pytest.mark.parametrize(
    "piece",
    ["a.a.", "://", "bearer ", "eyJ-", "-----BEGIN PRIVATE KEY-----", '"token": "', "a_token_", "x", "gh"],
)
def test_no_text_makes_redaction_slow(piece: str) -> None:
    redactor = remembering("x" * 40)
    start = time.process_time()
    redactor.text((piece * 65_000)[:65_000] + " token:// eyJ gh")
    assert time.process_time() - start < 0.8
