"""The fingerprint tells which members moved, bucket by bucket."""

from hypothesis import given
from hypothesis import strategies as st

from gitops.core.fingerprint import fingerprint, unmoved
from gitops.core.model import ObjectKey
from tests.unit.core.support import key

DIGESTS = st.dictionaries(
    st.integers(0, 300).map(lambda n: key(f"n{n}")), st.sampled_from(["x", "y"]), max_size=80
)
MANY = {key(f"n{index}"): "digest" for index in range(1000)}


@given(DIGESTS)
def test_nothing_moved_when_nothing_changed(digests: dict[ObjectKey, str]) -> None:
    assert unmoved(fingerprint(digests), digests) == digests.keys()


@given(DIGESTS)
def test_the_order_does_not_matter(digests: dict[ObjectKey, str]) -> None:
    assert fingerprint(dict(reversed(digests.items()))) == fingerprint(digests)


@given(DIGESTS, DIGESTS)
def test_what_changed_or_came_has_moved(before: dict[ObjectKey, str], after: dict[ObjectKey, str]) -> None:
    still = unmoved(fingerprint(before), after)
    assert all(after[at] == before.get(at) for at in still)


def test_one_change_re_checks_one_bucket() -> None:
    changed = {**MANY, key("n7"): "another"}
    moved = changed.keys() - unmoved(fingerprint(MANY), changed)
    assert key("n7") in moved
    assert len(moved) < 50


def test_an_object_that_went_moves_its_bucket() -> None:
    fewer = {at: digest for at, digest in MANY.items() if at.name != "n7"}
    assert unmoved(fingerprint(MANY), fewer) != fewer.keys()


def test_a_fingerprint_that_is_none_tells_nothing() -> None:
    for nonsense in ("", "x", "." * 62, "." * 64):
        assert unmoved(nonsense, MANY) == set()


def test_a_fingerprint_is_small_however_many_the_members() -> None:
    assert len(fingerprint(MANY)) == 64 * 8 + 63
    assert fingerprint({}) == "." * 63
