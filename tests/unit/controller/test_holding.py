"""What a hold and the history ask of the rest of the controller."""

from typing import Any

from gitops.controller.applications import Registry
from gitops.controller.housekeeping import commits_in_use
from gitops.core.resources import APPLICATIONS

APPLIED, OLDER, HELD = ("a" * 40, "b" * 40, "c" * 40)


def document(**annotations: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "shop",
            "namespace": "shop",
            "uid": "1",
            "generation": 1,
            "annotations": {f"gitops.dev/{name}": value for name, value in annotations.items()},
        },
        "spec": {"source": {"repository": "https://git.example.com/shop.git"}},
        "status": {
            "revision": {"applied": APPLIED},
            "history": [
                {"revision": one, "at": "2026-01-01T00:00:00Z", "result": "Succeeded"}
                for one in (APPLIED, OLDER)
            ],
        },
    }


def registry(*documents: dict[str, Any]) -> Registry:
    made = Registry(lambda _: None, lambda _: None)
    for one in documents:
        made.changed(APPLICATIONS, one)
    return made


def test_commits_of_the_history_and_of_holds_stay_in_the_mirror() -> None:
    assert commits_in_use(registry(document(hold=HELD)).all(), ()) == {APPLIED, OLDER, HELD}


def test_a_hold_that_begins_or_ends_ends_the_sync_under_way() -> None:
    found = registry(document())
    app = found.get(("shop", "shop"))
    assert app
    assert not found.moved_on(app)
    found.changed(APPLICATIONS, document(hold=HELD))
    assert found.moved_on(app)
    found.changed(APPLICATIONS, document(other="annotation"))
    assert not found.moved_on(app)
