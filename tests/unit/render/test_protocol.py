"""The messages to and from the renderer, also those of one that was taken over."""

import json
from dataclasses import replace

import pytest

from gitops.core.model import Manifest, ObjectKey, Rendered, TreeFile
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.core.render_options import GivenValues, HelmOptions, KustomizeOptions, PlainOptions, RenderOptions
from gitops.render.errors import RenderError
from gitops.render.limits import Limits
from gitops.render.outcome import Done, NeedPaths
from gitops.render.protocol import (
    PREFIX,
    RenderRequest,
    decode_prefix,
    decode_reply,
    decode_request,
    encode_done,
    encode_need,
    encode_problems,
    encode_request,
)

MANIFEST = Manifest(
    "v1", "ConfigMap", "", "a", b'{"name":"a"}', b'"apiVersion":"v1","kind":"ConfigMap"', "a.yaml:1"
)
BOTH = (MANIFEST, replace(MANIFEST, name="b", metadata=b'{"name":"b"}'))
DONE = Done(Rendered(BOTH, ("careful",), ("hunter2",)), "plain", ("",))
GIVEN = GivenValues("spec.x[0]", "key v of the Secret s/v", "a: 1", "b", secret=True, mark="m")


def split(message: list[bytes]) -> tuple[bytes, bytes]:
    joined = b"".join(message)
    prefix = decode_prefix(joined[: PREFIX.size])
    end = PREFIX.size + prefix.header
    assert len(joined) == end + prefix.body
    return joined[PREFIX.size : end], joined[end:]


def test_a_request_arrives_as_it_was_sent() -> None:
    request = RenderRequest(
        "shop/web",
        "shop",
        "deploy",
        (
            TreeFile("deploy/a", 0o100644, b"\x00\xff"),
            TreeFile("deploy/b", 0o120000, b"a"),
            TreeFile("c", 33188, b""),
        ),
        RenderOptions(
            "helm",
            PlainOptions(("a",), ("b",)),
            KustomizeOptions(("x:1",), "p-", "-s"),
            HelmOptions("r", ("../v.yaml",), {"a": [1, {"b": None}]}, "1.37", ("apps/v1",), (GIVEN,)),
        ),
        Limits(seconds=5, objects=7),
        ("deploy", "c"),
    )
    message = encode_request(request)
    assert decode_request(*split(message)) == request
    assert decode_prefix(message[0]).seconds == 5


def test_replies_arrive_as_they_were_sent() -> None:
    assert decode_reply(*split(encode_done(DONE))) == DONE
    need = decode_reply(*split(encode_need(NeedPaths(["b", "a"]))))
    assert isinstance(need, NeedPaths)
    assert need.paths == ("a", "b")
    problem = Problem(Reason.UNSAFE_PATH, "m", Blame.SPEC, "w", "a", ObjectKey("g", "k", "n", "x"))
    error = decode_reply(*split(encode_problems((problem,))))
    assert isinstance(error, RenderError)
    assert error.problems == (problem,)


@pytest.mark.parametrize("data", [b"\0" * PREFIX.size, b"GET / HTTP/1.1\r\nHost: example.com"[: PREFIX.size]])
def test_something_else_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match="no message"):
        decode_prefix(data.ljust(PREFIX.size, b"x"))


def changed(**fields: object) -> tuple[bytes, bytes]:
    header, body = split(encode_done(DONE))
    return json.dumps({**json.loads(header), **fields}).encode(), body


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"", b""),
        (b"[]", b""),
        (b"{", b""),
        (b"{}", b""),
        (b'{"need": [5]}', b""),
        (b'{"need": 5}', b""),
        (b'{"problems": []}', b""),
        (b'{"problems": [{"reason": "NoSuch"}]}', b""),
        (b'{"version": 5}', b""),
        changed(renderer="shell"),
        changed(warnings=[{}]),
        changed(manifests=[["v1", "ConfigMap", "", "a", "x", -1, 5]]),
        changed(manifests=[["v1", "ConfigMap", "", "other", "x", 12, 37]]),
        changed(manifests=[["v1", "ConfigMap", "kube-system", "a", "x", 12, 37]]),
        changed(manifests=[["v1", "ConfigMap", "", "a", "x", 12, 37]]),  # the body holds a second one
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(header: bytes, body: bytes) -> None:
    with pytest.raises(GitopsError) as caught:
        decode_reply(header, body)
    assert caught.value.problem.reason is Reason.RENDERER_UNAVAILABLE
