"""Each refusal of the real server, and what is made of it: the reason, and whose turn it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Reason
from gitops.core.verdict import Turn, Verdict, judge
from gitops.kube.client import Account, Client, Reply
from tests.integration.rules.support import (
    CAFE,
    KUBECTL,
    Obj,
    Place,
    changed,
    config_map,
    deployment,
    pod_spec,
    secret,
    service,
    success,
)

RBAC = "rbac.authorization.k8s.io"


def pod(name: str, **spec: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {**pod_spec(), **spec}}


def claim(size: str = "1Gi") -> Obj:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "none",
        "resources": {"requests": {"storage": size}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claim"}, "spec": spec}


def role(name: str, resource: str, *verbs: str, group: str = "") -> Obj:
    rules = [{"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}]
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}


def binding(name: str, kind: str, target: str, *subjects: Obj) -> Obj:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": target},
        "subjects": list(subjects),
    }


JOB: Obj = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "job"},
    "spec": {
        "suspend": True,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}},
    },
}
STATEFUL_SET: Obj = {
    **deployment("db"),
    "kind": "StatefulSet",
    "spec": {**deployment("db")["spec"], "serviceName": "db", "podManagementPolicy": "Parallel"},
}
PRIORITY: Obj = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "refusals"},
    "value": 1,
}


@dataclass(frozen=True)
class Row:
    """What is there first (if anything), what is sent then, and what is to be made of the refusal."""

    obj: Obj
    reason: Reason
    turn: Turn = Turn.STALLED
    blame: Blame = Blame.REPOSITORY
    first: Obj | None = None
    says: str = ""


def update(first: Obj, path: str, value: Any, reason: Reason, **more: Any) -> Row:
    return Row(changed(first, path, value), reason, first=first, **more)


IMMUTABLE = Reason.IMMUTABLE_FIELD
ROWS: dict[str, Row] = {
    "namespace missing": Row(
        changed(config_map("a"), "metadata.namespace", "nowhere"),
        Reason.NAMESPACE_NOT_FOUND,
        Turn.LATER,
        Blame.SPEC,
    ),
    "unknown field": Row({**config_map("a"), "dta": {}}, Reason.INVALID_FIELD),
    "unknown metadata": Row(changed(config_map("a"), "metadata.lables", {}), Reason.INVALID_FIELD),
    "wrong type": Row(config_map("a", {"k": 5}), Reason.INVALID_FIELD),  # type: ignore[dict-item]
    "text for a number": Row(deployment("a", replicas="three"), Reason.INVALID_FIELD),
    "keys twice in a list": Row(
        changed(service("a"), "spec.ports", [{"port": 80}, {"port": 80}]), Reason.INVALID_FIELD
    ),
    "bad base64": Row(secret("a", {"k": "not base64!"}), Reason.INVALID_FIELD),
    "invalid value": Row(deployment("a", replicas=-1), Reason.INVALID_OBJECT, says="spec.replicas"),
    "invalid name": Row(config_map("Bad_Name"), Reason.INVALID_OBJECT),
    "label too long": Row(
        changed(config_map("a"), "metadata.labels", {"a": "x" * 64}), Reason.INVALID_OBJECT
    ),
    "object too long": Row(config_map("a", {"k": "x" * (2**20 + 1)}), Reason.INVALID_OBJECT, says="Too long"),
    "request too long": Row(
        config_map("a", {"k": "x" * (4 * 2**20)}), Reason.INVALID_OBJECT, says="too large"
    ),
    "Deployment selector": update(
        deployment("web"),
        "spec",
        {**deployment("other")["spec"], "replicas": 0},
        IMMUTABLE,
        says="spec.selector",
    ),
    "StatefulSet field": update(STATEFUL_SET, "spec.podManagementPolicy", "OrderedReady", IMMUTABLE),
    "Service clusterIP": update(service("svc"), "spec.clusterIP", "10.0.250.250", IMMUTABLE),
    "Job template": update(JOB, "spec.template.spec.restartPolicy", "OnFailure", IMMUTABLE),
    "Job selector": update(JOB, "spec.completionMode", "Indexed", IMMUTABLE),
    "immutable ConfigMap": update({**config_map("c"), "immutable": True}, "data.k", "2", IMMUTABLE),
    "Secret type": update(secret("s", {}), "type", "kubernetes.io/custom", IMMUTABLE),
    "Pod field": update(pod("pod"), "spec.containers.0.args", ["c"], IMMUTABLE),
    "claim shrunk": update(claim("2Gi"), "spec.resources.requests.storage", "1Gi", IMMUTABLE),
    "roleRef": update(binding("b", "Role", "one"), "roleRef.name", "two", IMMUTABLE, says="roleRef"),
    "PriorityClass value": update(PRIORITY, "value", 2, IMMUTABLE),
    "no such PriorityClass": Row(
        pod("p", priorityClassName="nope"), Reason.ADMISSION_DENIED, Turn.LATER, says="nope"
    ),
    "no such service account": Row(
        pod("p", serviceAccountName="nope"), Reason.ADMISSION_DENIED, Turn.LATER, says="nope"
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_refusal_is_judged(shared_place: Place, name: str) -> None:
    row = ROWS[name]
    if row.first and not await shared_place.is_there(row.first):
        await shared_place.apply(row.first)
    force = row.first is not None
    sent = row.obj
    if row.first:
        uid = (await shared_place.get(row.first))["metadata"]["uid"]
        sent = changed(sent, "metadata.uid", uid)
    check(row, shared_place.verdict(row.obj, await shared_place.try_apply(sent, force=force)))


def check(row: Row, verdict: Verdict) -> None:
    problem = verdict.problem
    assert (problem.reason, verdict.turn, problem.blame) == (row.reason, row.turn, row.blame), problem.message
    assert row.says in problem.message
    assert problem.advice


async def test_a_conflict_with_another_manager_names_it_and_the_field(place: Place) -> None:
    await place.create(config_map("a", {"k": "theirs"}), by=KUBECTL)
    verdict = place.verdict(config_map("a"), await place.try_apply(config_map("a")))
    check(Row({}, Reason.FIELD_CONFLICT, Turn.LATER, Blame.SPEC, says=f'conflict with "{KUBECTL}"'), verdict)
    assert ".data.k" in verdict.problem.message


@pytest.fixture(params=[("", "nopes"), ("apps", "nopes"), ("nope.example", "nopes")])
def unknown_path(request: pytest.FixtureRequest, namespace: str) -> str:
    group, plural = request.param
    root = f"/apis/{group}/v1" if group else "/api/v1"
    return f"{root}/namespaces/{namespace}/{plural}/a"


async def test_a_kind_that_is_not_served_may_come(place: Place, unknown_path: str) -> None:
    reply = await place.client.request(
        "PATCH", unknown_path, b"{}", content_type="application/apply-patch+yaml"
    )
    row = Row({}, Reason.UNKNOWN_KIND, Turn.LATER, Blame.CLUSTER)
    check(row, judge(reply.status, reply.failure, ObjectKey("x", "Nope", place.namespace, "a")))


async def test_an_api_without_patch_can_not_be_managed(place: Place) -> None:
    obj = {"apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": "a"}}
    assert "patch" in place.resource(obj).missing_verbs
    reply = await place.try_apply(obj)
    assert reply.status == 405
    check(Row(obj, Reason.UNSUPPORTED_API, blame=Blame.CLUSTER), place.verdict(obj, reply))


async def test_an_api_that_does_not_know_the_type_of_patch_can_not_be_managed(place: Place) -> None:
    """As an aggregated API without server-side apply answers: 415."""
    obj = config_map("a")
    await place.apply(obj)
    reply = await place.client.request(
        "PATCH", place.path(obj), b"{}", content_type="application/patch-of-old"
    )
    assert reply.status == 415
    check(Row(obj, Reason.UNSUPPORTED_API, blame=Blame.CLUSTER), place.verdict(obj, reply))


async def test_a_namespace_that_is_being_deleted_takes_nothing_new(place: Place) -> None:
    held = changed(config_map("held"), "metadata.finalizers", ["gitops.example/hold"])
    await place.apply(held)
    success(await place.client.request("DELETE", f"/api/v1/namespaces/{place.namespace}"))
    verdict = place.verdict(config_map("a"), await place.try_apply(config_map("a")))
    check(Row({}, Reason.NAMESPACE_TERMINATING, Turn.LATER, Blame.CLUSTER), verdict)
    await place.merge(held, {"metadata": {"finalizers": None}})


QUOTA: Obj = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "tight"},
    "spec": {"hard": {"secrets": "0", "limits.cpu": "1"}},
}
LIMITS: Obj = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]},
}


@pytest_asyncio.fixture
async def quota(place: Place) -> None:
    """Quotas count once their controller has looked at them."""
    await place.apply(QUOTA)
    while not (await place.get(QUOTA)).get("status", {}).get("hard"):
        pass


@pytest.mark.usefixtures("quota")
@pytest.mark.parametrize(
    ("obj", "says"), [(secret("a", {}), "exceeded quota"), (pod("p"), "must specify limits.cpu")]
)
async def test_a_quota_is_named(place: Place, obj: Obj, says: str) -> None:
    verdict = place.verdict(obj, await place.try_apply(obj))
    check(Row(obj, Reason.QUOTA_EXCEEDED, Turn.LATER, Blame.CLUSTER, says=says), verdict)


async def test_a_limit_range_is_no_matter_of_rights(place: Place) -> None:
    await place.apply(LIMITS)
    reply = await place.try_apply(claim("5Gi"))
    for _ in range(100):  # the admission plugin learns of a LimitRange by a watch
        if not reply.ok:
            break
        await place.delete(claim())
        reply = await place.try_apply(claim("5Gi"))
    row = Row({}, Reason.ADMISSION_DENIED, Turn.LATER, says="maximum storage usage")
    check(row, place.verdict(claim(), reply))


async def test_pod_security_is_named(place: Place) -> None:
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await place.merge(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace}}, labels
    )
    verdict = place.verdict(pod("p"), await place.try_apply(pod("p")))
    check(Row({}, Reason.ADMISSION_DENIED, Turn.LATER, says="violates PodSecurity"), verdict)


@pytest_asyncio.fixture
async def policy(place: Place) -> AsyncIterator[None]:
    """A ValidatingAdmissionPolicy that refuses ConfigMaps in this namespace alone."""
    admission = "admissionregistration.k8s.io/v1"
    name = f"no-config-{place.namespace}"
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}]
    here = {"matchLabels": {"kubernetes.io/metadata.name": place.namespace}}
    policy = {
        "apiVersion": admission,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": rules, "namespaceSelector": here},
            "validations": [{"expression": "false", "message": "no ConfigMaps today"}],
        },
    }
    bound = {
        "apiVersion": admission,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    await place.apply(policy)
    await place.apply(bound)
    yield
    await place.delete(bound)
    await place.delete(policy)


@pytest.mark.usefixtures("policy")
async def test_an_admission_policy_is_named(place: Place) -> None:
    reply = await place.try_apply(config_map("a"))
    while reply.ok:  # a policy counts some time after it was written
        await place.delete_if_allowed(config_map("a"))
        reply = await place.try_apply(config_map("a"))
    row = Row({}, Reason.ADMISSION_DENIED, Turn.LATER, says="no ConfigMaps today")
    check(row, place.verdict(config_map("a"), reply))


def webhook(name: str, namespace: str) -> Obj:
    """A webhook whose backend doesn't exist."""
    hook = {
        "name": "nobody.gitops.example",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "clientConfig": {"service": {"namespace": namespace, "name": "nobody"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"]}
        ],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


async def test_a_webhook_without_a_backend_is_the_clusters_fault(place: Place) -> None:
    hook = webhook(f"nobody-{place.namespace}", place.namespace)
    await place.apply(hook)
    try:
        reply = await place.try_apply(config_map("a"))
        while reply.ok:
            await place.delete_if_allowed(config_map("a"))
            reply = await place.try_apply(config_map("a"))
    finally:
        await place.delete(hook)
    row = Row({}, Reason.ADMISSION_UNAVAILABLE, Turn.LATER, Blame.CLUSTER, says="nobody")
    check(row, place.verdict(config_map("a"), reply))


@pytest.fixture
def nobody(client: Client, place: Place) -> Place:
    """The place as a service account without any rights."""
    return place.acting_as(client.as_account(Account(place.namespace, "nobody")))


FORBIDDEN = Row({}, Reason.FORBIDDEN, Turn.LATER, Blame.CREDENTIALS)
Send = Callable[[Place], Awaitable[Reply]]


async def test_an_account_without_rights_is_told_which_one_it_lacks(place: Place, nobody: Place) -> None:
    verdict = place.verdict(config_map("a"), await nobody.try_apply(config_map("a")))
    check(FORBIDDEN, verdict)
    assert "cannot patch resource" in verdict.problem.message
    assert "Role" in verdict.problem.advice


async def test_an_account_may_not_grant_more_than_it_has(place: Place, nobody: Place) -> None:
    subject = {"kind": "ServiceAccount", "name": "nobody", "namespace": place.namespace}
    verbs = ("get", "list", "create", "patch")
    await place.apply(role("rbac", "roles", *verbs, group=RBAC))
    await place.apply(binding("rbac", "Role", "rbac", subject))
    more = role("more", "secrets", "get")
    reply = await nobody.try_apply(more)
    while "cannot patch" in reply.failure.get("message", ""):  # RBAC learns of a binding by a watch
        reply = await nobody.try_apply(more)
    verdict = place.verdict(more, reply)
    check(FORBIDDEN, verdict)
    assert "escalate" in verdict.problem.advice


async def test_two_applications_that_want_one_object_are_named(place: Place) -> None:
    await place.apply(place.marked(config_map("a")))
    reply = await place.try_apply(place.marked(config_map("a"), CAFE), CAFE)
    assert "gitops.dev/team-a/shop" in place.verdict(config_map("a"), reply).problem.message
