"""Rules about who is given which rights."""

from collections.abc import Iterator

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import ObjectSet, Subject
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind
from gitops.core.reading import items, part

_GROUP = "rbac.authorization.k8s.io"
_BINDINGS = frozenset({GroupKind(_GROUP, "ClusterRoleBinding"), GroupKind(_GROUP, "RoleBinding")})
_EVERYBODY = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated")


def _cluster_admin(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    """People may be administrators: only programs are meant."""
    if part(subject.body, "roleRef").get("name") != "cluster-admin":
        return
    for position, one in enumerate(items(subject.body, "subjects")):
        name = str(one.get("name"))
        if one.get("kind") == "ServiceAccount" or name.startswith(_EVERYBODY):
            yield Hit(f"subjects[{position}]", f"{one.get('kind')} {name} may do everything")


def _rights_for_default_account(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for position, one in enumerate(items(subject.body, "subjects")):
        name = str(one.get("name"))
        if one.get("kind") == "ServiceAccount" and name == "default":
            who = "every Pod of the namespace that names no account"
        elif one.get("kind") == "Group" and name.startswith(_EVERYBODY):
            who = f"everybody in {name}"
        else:
            continue
        role = part(subject.body, "roleRef").get("name")
        yield Hit(f"subjects[{position}]", f"{who} gets the rights of {role}")


RULES = (
    Rule(
        "cluster-admin",
        Severity.WARNING,
        "A program is given the role cluster-admin.",
        "Whoever breaks into it has the cluster.",
        "bind a role with the rights that it needs",
        _BINDINGS,
        _cluster_admin,
    ),
    Rule(
        "rights-for-everybody",
        Severity.WARNING,
        "Rights are given to a default service account, or to all accounts.",
        "Pods that nobody thought of have them too.",
        "make a service account for the one workload, and bind that",
        _BINDINGS,
        _rights_for_default_account,
    ),
)
