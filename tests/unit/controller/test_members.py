"""What is remembered of members does not depend on whether an answer or an event comes first."""

from dataclasses import replace
from typing import Any, cast

from gitops.controller.members import Members
from gitops.core.inventory import Observed
from gitops.core.resources import NEEDED_VERBS, Resource
from tests.unit.core.support import SHOP, key, member

CONFIG_MAPS = Resource("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=NEEDED_VERBS)


def members() -> Members:
    """None of the parts that ask the API server is used."""
    nobody = cast("Any", None)
    return Members(nobody, nobody, lambda *_: None, nobody)


def deleted(seen: Observed, version: str) -> dict[str, Any]:
    name, namespace = seen.key.name, seen.key.namespace
    return {"metadata": {"name": name, "namespace": namespace, "uid": seen.uid, "resourceVersion": version}}


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back() -> None:
    known, seen = members(), member(key("a"))
    known._put(replace(seen, resource_version="5"))
    known.deleted(CONFIG_MAPS, deleted(seen, "7"))
    known._put(replace(seen, resource_version="6"))
    assert not known.of(SHOP.applyset_id)


def test_what_only_lost_its_label_comes_back_with_it() -> None:
    known, seen = members(), member(key("a"))
    known._put(replace(seen, resource_version="5"))
    known.deleted(CONFIG_MAPS, deleted(seen, "7"))
    known._put(replace(seen, resource_version="8"))
    assert key("a") in known.of(SHOP.applyset_id)
