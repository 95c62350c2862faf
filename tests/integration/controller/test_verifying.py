"""The background verification finds what neither field tracking nor a generation shows."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.integration.controller.told import told
from tests.support.cluster import JSON_PATCH
from tests.support.controller import Controller
from tests.support.manifests import config_map, thing
from tests.support.site import Site
from tests.support.wait import stays, wait_for

PERIOD = 4.0


@pytest.fixture(scope="module")
def verifying(idle_controller: Controller) -> Controller:
    """A controller for which a day is four seconds."""
    idle_controller.options = (f"--verification-period={PERIOD:g}",)
    return idle_controller.start()


def names(site: Site) -> list[str]:
    return [one["name"] for one in site.get("ServiceAccount", "sa")["secrets"]]


def found(controller: Controller) -> float:
    return controller.metric("gitops_verification_found_total")


def test_a_reordered_list_without_a_generation_is_found_and_healed(verifying: Controller, site: Site) -> None:
    app = site.synced(thing("v1", "ServiceAccount", "sa", secrets=[{"name": "one"}, {"name": "two"}]))
    assert names(site) == ["one", "two"]
    change = [{"op": "replace", "path": "/secrets", "value": [{"name": "two"}, {"name": "one"}]}]
    reordered = site.cluster.patch(site.get("ServiceAccount", "sa"), change, how=JSON_PATCH)
    assert [one["name"] for one in reordered["secrets"]] == ["two", "one"]
    wait_for(lambda: names(site) == ["one", "two"], "it is in order again", timeout=4 * PERIOD)
    assert verifying.metric("gitops_verification_found_total", kind="ServiceAccount") == 1
    assert verifying.metric("gitops_drift_corrected_total", name=app.name, kind="ServiceAccount") == 1
    app.wait_ready()


def test_a_reorder_while_it_was_away_is_found_too(verifying: Controller, site: Site) -> None:
    """A start finds nothing moved and renders nothing; the object's turn asks for a render."""
    app = site.synced(thing("v1", "ServiceAccount", "sa", secrets=[{"name": "one"}, {"name": "two"}]))
    verifying.terminate(10)
    change = [{"op": "replace", "path": "/secrets", "value": [{"name": "two"}, {"name": "one"}]}]
    site.cluster.patch(site.get("ServiceAccount", "sa"), change, how=JSON_PATCH)
    verifying.start()
    wait_for(lambda: names(site) == ["one", "two"], "it is in order again", timeout=4 * PERIOD)
    assert verifying.metric("gitops_verification_found_total", kind="ServiceAccount") == 1
    app.wait_ready()


def test_each_object_has_its_turn_once_in_a_period_and_one_at_a_time(
    verifying: Controller, site: Site
) -> None:
    app = site.synced(*[config_map(f"c{number}") for number in range(20)])
    wait_for(lambda: not app.problems(), "it is settled")
    known, before = found(verifying), verifying.requests()
    passes = verifying.metric("gitops_reconcile_seconds_count")

    def sent() -> float:
        return sum(
            count - before.get(key, 0)
            for key, count in verifying.requests().items()
            if key[:2] == ("PATCH", "configmaps")
        )

    wait_for(lambda: sent() >= 40, "two periods are over", timeout=6 * PERIOD)
    assert verifying.metric("gitops_reconcile_seconds_count") - passes >= 20
    assert found(verifying) == known
    app.wait_ready()
    assert app.events("DriftHealed") == []


def test_what_is_suspended_is_left_alone(verifying: Controller, site: Site) -> None:
    app = site.synced(thing("v1", "ServiceAccount", "sa", secrets=[{"name": "one"}, {"name": "two"}]))
    app.patch({"spec": {"suspend": True}})
    app.wait_reason("Suspended", "Ready")
    change = [{"op": "replace", "path": "/secrets", "value": [{"name": "two"}, {"name": "one"}]}]
    site.cluster.patch(site.get("ServiceAccount", "sa"), change, how=JSON_PATCH)
    stays(lambda: names(site) == ["two", "one"], "it stays", seconds=2 * PERIOD)


ADMISSION = "admissionregistration.k8s.io/v1"


@contextlib.contextmanager
def rewriting(site: Site, value: str) -> Iterator[None]:
    """A policy that gives the key of each updated ConfigMap of the site this value (CEL)."""
    rules = [
        {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["UPDATE"]}
    ]
    patch = f'[JSONPatch{{op: "replace", path: "/data/key", value: {value}}}]'
    policy = thing(
        ADMISSION,
        "MutatingAdmissionPolicy",
        site.name,
        spec={
            "matchConstraints": {"resourceRules": rules},
            "matchConditions": [
                {"name": "has-key", "expression": "has(object.data) && 'key' in object.data"}
            ],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        },
    )
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}}
    spec = {"policyName": site.name, "matchResources": here}
    binding = thing(ADMISSION, "MutatingAdmissionPolicyBinding", site.name, spec=spec)
    probe = config_map("probe", metadata={"namespace": site.namespace})
    for one in (policy, binding, probe):
        site.cluster.create(one)

    def is_in_force() -> bool:
        rewritten: str = site.cluster.patch(probe, {"data": {"key": "value"}})["data"]["key"]
        return rewritten != "value"

    try:
        wait_for(is_in_force, "the policy is in force")
        yield
    finally:
        for one in (binding, policy, probe):
            site.cluster.delete(one)


def test_a_policy_that_rewrites_each_write_in_the_same_way_is_no_fight(
    verifying: Controller, site: Site
) -> None:
    """The dry run goes through it too: applying again would change nothing, so nothing is applied."""
    app = site.synced(config_map("a"))
    with rewriting(site, '"rewritten"'):
        sha = site.push_objects(config_map("a", {"key": "value", "more": "2"}))
        app.wait_ready(sha)
        assert site.data("a") == {"key": "rewritten", "more": "2"}
        version = site.get("ConfigMap", "a")["metadata"]["resourceVersion"]
        stays(lambda: not app.problems(), "it is ready", seconds=2 * PERIOD)
        assert site.get("ConfigMap", "a")["metadata"]["resourceVersion"] == version


def test_a_policy_that_rewrites_each_write_in_another_way_is_a_fight(
    verifying: Controller, site: Site
) -> None:
    app = site.synced(config_map("a"))
    with rewriting(site, 'oldObject.data.key + "x"'):
        told(verifying, app, "Fighting", "/data/key", "field tracking", advice="webhook")
        assert verifying.metric("gitops_drift_corrected_total", name=app.name) == 5
    site.wait_data("a", {"key": "value"})
    app.wait_ready(timeout=60)
