"""Manifests that can't be read or rendered: file and line are named, and the last good render goes on."""

from collections.abc import Mapping

import pytest

from tests.integration.controller.told import goes_on, steady, told
from tests.support.controller import Controller
from tests.support.manifests import config_map, thing, to_yaml
from tests.support.site import Site

__all__ = ["steady"]

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
TWO = to_yaml(config_map("twice"), config_map("twice"))
NAMELESS = to_yaml({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "b"}}})
RESERVED = to_yaml(
    config_map("taken", metadata={"labels": {"applyset.kubernetes.io/part-of": "applyset-mine-v1"}})
)

BAD: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "YAML that is none": ("key: fine\nother: not: fine\n", "InvalidManifest", ("app/bad.yaml:2",)),
    "a document that is no object": ("just: data\n", "InvalidManifest", ("app/bad.yaml:1",)),
    "a key that stands twice": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nkind: ConfigMap\n",
        "InvalidManifest",
        ("app/bad.yaml:5",),
    ),
    "an object that stands twice": (TWO, "DuplicateObject", ("twice", "app/bad.yaml")),
    "an object without a name": (NAMELESS, "InvalidManifest", ("app/bad.yaml:1", "name")),
    "the label of an ApplySet": (RESERVED, "ReservedMetadata", ("app/bad.yaml", "part-of")),
}


@pytest.mark.parametrize("case", BAD)
def test_it_is_told_with_its_place_and_the_last_good_render_is_kept(
    controller: Controller, site: Site, steady: Site, case: str
) -> None:
    text, reason, words = BAD[case]
    app = site.synced(config_map("good"))
    before = site.get("ConfigMap", "good")["metadata"]["uid"]
    bad = site.push({"app/bad.yaml": text, "app/more.yaml": to_yaml(config_map("more"))})
    told(controller, app, reason, *words)
    assert app.status["revision"]["attempted"] == bad
    site.cluster.patch(site.get("ConfigMap", "good"), {"data": {"key": "edited"}})
    site.wait_data("good", {"key": "value"})
    assert site.data("more") is None
    goes_on(steady)
    sha = site.push({"app/bad.yaml": None})
    app.wait_ready(sha)
    assert site.data("more") == {"key": "value"}
    assert site.get("ConfigMap", "good")["metadata"]["uid"] == before
    assert app.problems() == []


RENDERS: Mapping[str, tuple[str, str, str]] = {
    "a chart that fails": ('{{ fail "no such colour" }}', "RenderFailed", "no such colour"),
    "a chart that explodes": (
        '{{ range until 4000000 }}# {{ repeat 100 "x" }}\n{{ end }}',
        "RenderLimitExceeded",
        "",
    ),
    "a chart of too many objects": (
        "{{ range until 60000 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a{{.}}}\n{{ end }}",
        "RenderLimitExceeded",
        "",
    ),
}


@pytest.mark.parametrize("case", RENDERS)
def test_a_render_that_fails_leaves_what_runs_alone(
    controller: Controller, site: Site, steady: Site, case: str
) -> None:
    template, reason, word = RENDERS[case]
    good = {"app/Chart.yaml": CHART, "app/templates/a.yaml": to_yaml(config_map("a"))}
    sha = site.push(good)
    app = site.application()
    app.wait_ready(sha)
    site.push({"app/templates/bad.yaml": template})
    told(controller, app, reason, word)
    assert site.data("a") == {"key": "value"}
    goes_on(steady)
    app.wait_ready(
        site.push(
            {"app/templates/bad.yaml": None, "app/templates/a.yaml": to_yaml(config_map("a", {"k": "2"}))}
        )
    )
    assert site.data("a") == {"k": "2"}


def test_a_broken_kustomization_names_what_is_missing(controller: Controller, site: Site) -> None:
    site.push(
        {"app/kustomization.yaml": "resources: [a.yaml, gone.yaml]\n", "app/a.yaml": to_yaml(config_map("a"))}
    )
    app = site.application()
    told(controller, app, "PathNotFound", "app/kustomization.yaml", "app/gone.yaml")
    app.wait_ready(site.push({"app/gone.yaml": to_yaml(config_map("b"))}))
    assert site.data("b") == {"key": "value"}


def test_a_bad_first_commit_creates_nothing_at_all(controller: Controller, site: Site) -> None:
    site.push({"app/a.yaml": to_yaml(config_map("a")), "app/b.yaml": "kind: [\n"})
    app = site.application()
    told(controller, app, "InvalidManifest", "app/b.yaml")
    assert site.data("a") is None
    app.wait_ready(site.push({"app/b.yaml": to_yaml(thing("v1", "ServiceAccount", "b"))}))
