"""No refusal of the real server gives away what is in a Secret."""

import pytest

from gitops.core.problem import Reason
from tests.integration.rules.support import CAFE, Obj, Place, changed, secret

TYPED = {".dockerconfigjson": "eyJodW50ZXIyIg=="}

PLANTED: dict[str, Obj] = {
    "bad base64": secret("a", {"password": "hunter2-in-plain!"}),
    "bad base64 with quotes": secret("a", {"password": 'x"hunter2-in-plain!'}),
    "a number": secret("a", {"password": 77881234}),
    "a float": secret("a", {"password": 77881234.5}),
    "a list": secret("a", {"password": ["hunter2", 77881234]}),
    "a map": secret("a", {"password": {"hunter2": "hunter2"}}),
    "text for data": secret("a", "hunter2"),
    "a list for data": secret("a", ["hunter2", 77881234]),
    "a number for stringData": {**secret("a", {}), "stringData": {"password": 77881234}},
    "a misplaced value": {**secret("a", {}), "password": "hunter2"},
    "a number as type": {**secret("a", {}), "type": 77881234},
    "a value as label": changed(secret("a", {}), "metadata.labels", {"password": "hunter2 hunter2"}),
    "a number as annotation": changed(secret("a", {}), "metadata.annotations", {"password": 77881234}),
    "a broken registry login": {**secret("a", TYPED), "type": "kubernetes.io/dockerconfigjson"},
}


@pytest.mark.parametrize("name", PLANTED)
async def test_the_message_of_a_refused_secret_does_not_show_its_values(
    shared_place: Place, name: str
) -> None:
    obj = PLANTED[name]
    problem = shared_place.verdict(obj, await shared_place.try_apply(obj)).problem
    for planted in ("hunter2", "77881234", "7.7881234", "aHVudGVy", "eyJodW50"):
        assert planted not in str(problem)
    assert problem.reason in (Reason.INVALID_FIELD, Reason.INVALID_OBJECT), "and it is the manifest's fault"


@pytest.mark.parametrize("name", ["a number", "a list", "text for data"])
async def test_the_field_that_is_wrong_is_still_named(shared_place: Place, name: str) -> None:
    obj = PLANTED[name]
    problem = shared_place.verdict(obj, await shared_place.try_apply(obj)).problem
    assert ".data" in problem.message
    assert "expected" in problem.message


async def test_the_server_itself_would_show_them(shared_place: Place) -> None:
    """Else the tests above could not fail."""
    reply = await shared_place.try_apply(PLANTED["a number"])
    assert "77881234" in reply.failure["message"]


async def test_an_immutable_secret_is_refused_without_its_values(shared_place: Place) -> None:
    obj = {**secret("frozen", {"password": "aHVudGVyMg=="}), "immutable": True}
    uid = (await shared_place.apply(obj))["metadata"]["uid"]
    edited = changed(changed(obj, "data.password", "aHVudGVyMw=="), "metadata.uid", uid)
    problem = shared_place.verdict(obj, await shared_place.try_apply(edited, force=True)).problem
    assert problem.reason is Reason.IMMUTABLE_FIELD
    assert "aHVudGVy" not in str(problem)


async def test_a_conflict_over_a_secret_names_the_manager_and_the_field_only(shared_place: Place) -> None:
    await shared_place.apply(secret("fought-over", {"password": "aHVudGVyMg=="}))
    obj = secret("fought-over", {"password": "aHVudGVyMw=="})
    problem = shared_place.verdict(obj, await shared_place.try_apply(obj, CAFE)).problem
    assert "gitops.dev/team-a/shop" in problem.message
    assert ".data.password" in problem.message
    assert "aHVudGVy" not in str(problem)
