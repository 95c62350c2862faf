"""Values from ConfigMaps and Secrets: what is taken, what is missing, and what the render key shows of it."""

import pytest

from gitops.api.render import ValuesReference
from gitops.core.problem import Blame, GitopsError, Reason
from gitops.core.render_options import HelmOptions, RenderOptions, canonical_options
from gitops.core.values import Holder, given

HELD = Holder("uid-1", {"values.yaml": b"a: 1\n", "password": b"hunter2", "bytes": b"hunter2\xff"})


def reference(**fields: object) -> ValuesReference:
    return ValuesReference.model_validate({"kind": "Secret", "name": "web", **fields})


def test_each_reference_gives_the_text_of_its_key_in_order() -> None:
    one, two = given([reference(), reference(valuesKey="password", targetPath="a.b")], "shop", [HELD, HELD])
    assert (one.text, one.target_path, one.secret) == ("a: 1\n", "", True)
    assert (two.text, two.target_path) == ("hunter2", "a.b")
    assert (one.where, two.where) == ("spec.render.helm.valuesFrom[0]", "spec.render.helm.valuesFrom[1]")
    assert two.origin == "key password of the Secret shop/web"


def test_a_config_map_is_no_secret() -> None:
    (one,) = given([reference(kind="ConfigMap")], "shop", [HELD])
    assert not one.secret


@pytest.mark.parametrize(
    ("key", "holder", "says"),
    [
        ("values.yaml", None, "there is no Secret shop/web"),
        ("none", HELD, "the Secret shop/web has no key none"),
    ],
)
def test_what_is_missing_is_named_unless_it_is_optional(key: str, holder: Holder | None, says: str) -> None:
    with pytest.raises(GitopsError) as caught:
        given([reference(), reference(valuesKey=key)], "shop", [HELD, holder])
    problem = caught.value.problem
    assert (problem.reason, problem.blame) == (Reason.VALUES_NOT_FOUND, Blame.SPEC)
    assert (problem.where, problem.message) == ("spec.render.helm.valuesFrom[1]", says)
    assert given([reference(valuesKey=key, optional=True)], "shop", [holder]) == ()


def test_what_is_no_text_is_refused_without_showing_it() -> None:
    with pytest.raises(GitopsError) as caught:
        given([reference(valuesKey="bytes")], "shop", [HELD])
    assert caught.value.problem.reason is Reason.INVALID_VALUES
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def options(*references: ValuesReference, holder: Holder = HELD) -> bytes:
    values = given(references, "shop", [holder] * len(references))
    return canonical_options(RenderOptions(helm=HelmOptions(values_from=values)), "helm")


def test_the_render_key_knows_content_place_and_order() -> None:
    first, second = reference(), reference(valuesKey="password", targetPath="a")
    seen = {
        options(first, second),
        options(second, first),
        options(first),
        options(first, reference(valuesKey="password", targetPath="b")),
        options(first, second, holder=Holder("uid-1", {**HELD.data, "password": b"other"})),
    }
    assert len(seen) == 5
    assert options(first) == options(first, holder=Holder("uid-1", {"values.yaml": b"a: 1\n"}))


def test_who_doesnt_know_the_objects_uid_cant_try_out_guesses() -> None:
    again = Holder("uid-2", HELD.data)
    assert options(reference()) != options(reference(), holder=again)
    assert b"hunter2" not in options(reference(valuesKey="password"))


def test_neither_values_nor_their_holder_show_a_secret_when_printed() -> None:
    (one,) = given([reference(valuesKey="password")], "shop", [HELD])
    assert "hunter2" not in repr(one) + repr(HELD) + repr(HelmOptions(values_from=(one,)))


@pytest.mark.parametrize("path", ["a", "auth.password", r"a\.b.c", "a b.c-d_e"])
def test_target_paths_are_names_joined_by_dots(path: str) -> None:
    assert reference(targetPath=path).target_path == path


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[0]", "a\\", "a\nb"])
def test_other_target_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="target"):
        reference(targetPath=path)
