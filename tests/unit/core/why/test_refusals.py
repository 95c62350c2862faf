"""What refusals of the API server say, in its own words of today."""

from gitops.core.model import ObjectKey
from gitops.core.why.creation import creation_causes
from gitops.core.why.model import Depth
from gitops.core.why.refusals import quota_causes, refusal
from tests.unit.core.why.worlds import key_of, obj, world

UNREACHABLE = (
    'Internal error occurred: failed calling webhook "pods.policy.example": failed to call webhook: Post '
    '"https://policy.guards.svc:443/validate?timeout=10s": service "policy" not found'
)
DENIED = 'admission webhook "pods.policy.example" denied the request: the label team is missing'
QUOTA = (
    'pods "web-1" is forbidden: exceeded quota: small, requested: pods=1,requests.cpu=1, used: pods=2,'
    "requests.cpu=2, limited: pods=2,requests.cpu=2"
)
FORBIDDEN = (
    'configmaps "a" is forbidden: User "system:serviceaccount:team:deployer" cannot patch resource '
    '"configmaps" in API group "" in the namespace "shop"'
)


def test_a_webhook_that_can_not_be_reached_is_named_with_its_service() -> None:
    found = refusal(UNREACHABLE)
    assert found
    assert found.id == "webhook-unreachable"
    assert found.sentence == (
        "is refused because the admission webhook pods.policy.example, which is the Service guards/policy, "
        'can\'t be reached: service "policy" not found'
    )
    assert any(one.command == "gitops why service/policy -n guards" for one in found.evidence)


def test_a_webhook_that_refuses_is_quoted_and_its_configuration_shown() -> None:
    hook = {"webhooks": [{"name": "pods.policy.example"}]}
    where = obj("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "policy", "", **hook)
    found = refusal(DENIED, world=world(where))
    assert found
    assert found.sentence == (
        "is refused by the admission webhook pods.policy.example: the label team is missing"
    )
    assert "/policy" in found.evidence[0].command
    policy = refusal(
        "pods is forbidden: ValidatingAdmissionPolicy 'strict' with binding 'all' denied request: no team"
    )
    assert policy
    assert policy.sentence == "is refused by the ValidatingAdmissionPolicy strict: no team"


def test_a_quota_that_is_used_up_says_what_is_lacking() -> None:
    found = refusal(QUOTA, "shop")
    assert found
    assert found.id == "quota-exceeded"
    assert "ResourceQuota small is used up: pods=2,requests.cpu=2 of pods=2,requests.cpu=2" in found.sentence
    assert found.evidence[0].command == "kubectl describe resourcequota/small -n shop"
    lacking = refusal('pods "a" is forbidden: failed quota: small: must specify limits.cpu for: web')
    assert lacking
    assert lacking.id == "quota-needs-requests"


def test_a_missing_right_comes_with_the_command_that_shows_it() -> None:
    found = refusal(FORBIDDEN)
    assert found
    assert found.sentence == (
        "is refused because the ServiceAccount team/deployer may not patch configmaps in the namespace shop"
    )
    assert found.evidence[0].command == (
        "kubectl auth can-i patch configmaps --as=system:serviceaccount:team:deployer -n shop"
    )
    cluster_wide = refusal(
        'namespaces "x" is forbidden: User "system:serviceaccount:team:deployer" cannot create resource '
        '"clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope'
    )
    assert cluster_wide
    assert (
        "may not create clusterroles.rbac.authorization.k8s.io in the whole cluster" in cluster_wide.sentence
    )


def test_other_messages_are_not_understood() -> None:
    assert refusal("deployments.apps is invalid") is None


def test_an_event_that_tells_of_a_refusal_is_the_root() -> None:
    key = ObjectKey("apps", "ReplicaSet", "shop", "web-1")
    around = world(events={key: ["Scaled up", f"Error creating: {UNREACHABLE}"]})
    [cause] = creation_causes(key, {}, around)
    assert (cause.id, cause.depth, cause.key) == ("webhook-unreachable", Depth.ROOT, key)
    assert cause.sentence.startswith("what it makes is refused because the admission webhook")
    assert cause.evidence[0].text.startswith("it is told: Error creating")


def test_a_full_quota_names_what_is_full() -> None:
    status = {"hard": {"pods": "2", "secrets": "5"}, "used": {"pods": "2", "secrets": "1"}}
    one = obj("v1", "ResourceQuota", "small", status=status)
    [cause] = quota_causes(key_of(one), one, world())
    assert cause.sentence == "is used up (pods: 2 of 2)"
