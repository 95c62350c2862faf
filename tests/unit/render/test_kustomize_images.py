"""Image overrides in the spelling of `kustomize edit set image`."""

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.render.kustomize import image_override

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:1.2", {"name": "web", "newTag": "1.2"}),
        (f"web@{DIGEST}", {"name": "web", "digest": DIGEST}),
        ("web=example.com/web:1.2", {"name": "web", "newName": "example.com/web", "newTag": "1.2"}),
        (f"web=example.com/web@{DIGEST}", {"name": "web", "newName": "example.com/web", "digest": DIGEST}),
        ("web=localhost:5000/web", {"name": "web", "newName": "localhost:5000/web"}),
        ("localhost:5000/web:2", {"name": "localhost:5000/web", "newTag": "2"}),
    ],
)
def test_an_override_is_read(text: str, expected: dict[str, str]) -> None:
    assert image_override(text) == expected


@pytest.mark.parametrize("text", ["", "=web:1", ":1", "web="])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(GitopsError) as caught:
        image_override(text)
    assert caught.value.problem.reason is Reason.INVALID_MANIFEST
