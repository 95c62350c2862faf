"""Objects that the API server refuses: each is named with the reason, the others are applied."""

from typing import Any

from tests.integration.controller.told import goes_on, steady, told
from tests.support.cluster import Cluster
from tests.support.controller import HOME, Controller
from tests.support.manifests import config_map, crd, deployment, service, thing
from tests.support.site import Site

__all__ = ["steady"]


def test_an_unknown_kind_is_awaited_while_the_rest_is_applied(
    controller: Controller, site: Site, steady: Site
) -> None:
    group = f"{site.name}.example.com"
    widget = thing(f"{group}/v1", "Widget", "w", spec={"size": 1})
    sha = site.push_objects(config_map("a"), widget)
    app = site.application()
    told(controller, app, "UnknownKind", "Widget", group, "app/objects.yaml")
    site.wait_data("a", {"key": "value"})
    goes_on(steady)
    definition = site.cluster.create(crd("Widget", group))
    try:
        app.wait_ready(sha)
        assert site.find("Widget", "w", f"{group}/v1")
    finally:
        site.cluster.delete(definition)


def test_a_served_version_is_proposed_for_an_unknown_one(controller: Controller, site: Site) -> None:
    site.push_objects(thing("apps/v1beta1", "Deployment", "d"))
    told(controller, site.application(), "UnknownKind", "apps/v1beta1", "apps/v1", advice="served version")


def test_a_missing_namespace_is_named_and_awaited(controller: Controller, site: Site, steady: Site) -> None:
    missing = f"{site.name}-later"
    sha = site.push_objects(config_map("a"), thing("v1", "ConfigMap", "b", site.namespace))
    app = site.application(destination=missing)
    told(controller, app, "NamespaceNotFound", missing, advice="createNamespace")
    site.wait_data_exists("b")
    goes_on(steady)
    site.new_namespace("later")
    app.wait_ready(sha)


def test_create_namespace_makes_it_without_owning_it_and_without_a_false_alarm(
    controller: Controller, site: Site
) -> None:
    missing = f"{site.name}-made"
    sha = site.push_objects(config_map("a"))
    app = site.application(destination=missing, sync={"createNamespace": True})
    app.wait_ready(sha)
    namespace = site.cluster.get("v1", "Namespace", "", missing)
    assert "applyset.kubernetes.io/part-of" not in namespace["metadata"]["labels"]
    assert app.events("NamespaceNotFound") == []
    app.delete()
    app.wait_gone()
    assert "deletionTimestamp" not in site.cluster.get("v1", "Namespace", "", missing)["metadata"]
    site.cluster.delete(namespace)


def test_a_field_that_the_schema_does_not_know_is_named(
    controller: Controller, site: Site, steady: Site
) -> None:
    app = site.synced(config_map("a"), deployment("d"))
    wrong = deployment("d", replcas=1)
    site.push_objects(config_map("a", {"key": "new"}), wrong)
    told(controller, app, "InvalidField", "replcas", "Deployment.apps", "app/objects.yaml")
    site.wait_data("a", {"key": "new"})
    goes_on(steady)
    app.wait_ready(site.push_objects(config_map("a", {"key": "new"}), deployment("d", "web:2")))


def test_an_invalid_value_is_named(controller: Controller, site: Site) -> None:
    app = site.synced(service("s"))
    site.push_objects(service("s", 70000))
    told(controller, app, "InvalidObject", "70000", "Service")
    app.wait_ready(site.push_objects(service("s", 7000)))


def test_an_immutable_field_is_named_and_deleting_the_object_helps(
    controller: Controller, site: Site, steady: Site
) -> None:
    app = site.synced(deployment("d"))
    other = {"matchLabels": {"app": "other"}}
    changed: dict[str, Any] = deployment("d", selector=other)
    changed["spec"]["template"]["metadata"]["labels"] = other["matchLabels"]
    sha = site.push_objects(changed)
    told(
        controller,
        app,
        "ImmutableField",
        "spec.selector",
        "Deployment.apps",
        advice="gitops.dev/force: Enabled",
    )
    goes_on(steady)
    site.cluster.delete(site.get("Deployment", "d", "apps/v1"))
    app.wait_ready(sha)
    assert site.get("Deployment", "d", "apps/v1")["spec"]["selector"] == other


def policy(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """No ConfigMap of this site's namespace may be called `forbidden`."""
    api = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["configmaps"],
    }
    check = {"expression": "object.metadata.name != 'forbidden'", "message": "that name is not allowed here"}
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [check]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": site.namespace}}
    binding = {
        "policyName": site.name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    return (
        thing(api, "ValidatingAdmissionPolicy", site.name, spec=spec),
        thing(api, "ValidatingAdmissionPolicyBinding", site.name, spec=binding),
    )


def test_an_admission_refusal_names_the_policy(controller: Controller, site: Site, steady: Site) -> None:
    made = [site.cluster.create(one) for one in policy(site)]
    try:
        refused_by_now(site)
        sha = site.push_objects(config_map("a"), config_map("forbidden"))
        app = site.application()
        told(controller, app, "AdmissionDenied", "that name is not allowed here", site.name, "forbidden")
        site.wait_data("a", {"key": "value"})
        goes_on(steady)
    finally:
        for one in reversed(made):
            site.cluster.delete(one)
    app.wait_ready(sha)


def refused_by_now(site: Site) -> None:
    """A policy works some moments after it was created."""
    from tests.support.cluster import collection
    from tests.support.wait import wait_for

    probe = config_map("forbidden")
    path = collection("v1", "ConfigMap", site.namespace)
    wait_for(
        lambda: site.cluster.request("POST", path, probe, dryRun="All")[0] >= 400, "the policy is in force"
    )


def test_a_quota_refusal_names_the_quota(controller: Controller, site: Site, steady: Site) -> None:
    used = len(site.cluster.list("v1", "ConfigMap", site.namespace))
    quota = thing("v1", "ResourceQuota", "few", site.namespace, spec={"hard": {"configmaps": str(used + 1)}})
    site.cluster.create(quota)
    from tests.support.wait import wait_for

    wait_for(lambda: site.get("ResourceQuota", "few").get("status", {}).get("used"), "the quota is in force")
    sha = site.push_objects(config_map("a"), config_map("b"))
    app = site.application()
    told(controller, app, "QuotaExceeded", "few", "configmaps")
    goes_on(steady)
    assert sum(site.data(name) is not None for name in ("a", "b")) == 1
    site.cluster.patch(quota, {"spec": {"hard": {"configmaps": "100"}}})
    app.wait_ready(sha)


def test_a_right_that_a_tenant_lacks_is_named(
    controller: Controller, cluster: Cluster, site: Site, steady: Site
) -> None:
    tenant = site.tenant("configmaps")
    sha = site.push_objects(config_map("a"), service("s"))
    app = site.application(namespace=tenant, serviceAccountName="deployer")
    message = told(controller, app, "Forbidden", "services", f"system:serviceaccount:{tenant}:deployer")
    assert "Role" in message
    site.wait_data("a", {"key": "value"})
    goes_on(steady)
    site.allow(tenant, "services")
    app.wait_ready(sha)


def test_a_tenant_without_an_account_is_told_to_name_one(controller: Controller, site: Site) -> None:
    tenant = site.new_namespace("tenant")
    site.push_objects(config_map("a"))
    app = site.application(namespace=tenant)
    told(controller, app, "ServiceAccountRequired", "spec.serviceAccountName")
    assert site.data("a") is None
    assert tenant != HOME
