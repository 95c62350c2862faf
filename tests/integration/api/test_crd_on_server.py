"""The CRD on a real API server: what it refuses and with which words, what it fills in, how it reads."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gitops.api.application import Application, InvalidApplication
from gitops.api.status import LONGEST_READ, MOST_READS, Condition, ConditionType, Objects, Revision, Status
from gitops.core.problem import GitopsError

Kubectl: TypeAlias = Callable[..., str]

ROOT = Path(__file__).parents[3]
SOURCE = {"repository": "https://git.example.com/shop.git"}


@pytest.fixture(scope="module", autouse=True)
def installed(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT}/manifests/crds")
    kubectl("wait", "--for=condition=Established", "crd/applications.gitops.dev")


def application(spec: dict[str, Any], name: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "gitops.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {"source": SOURCE} | spec,
    }


def create(kubectl: Kubectl, namespace: str, document: dict[str, Any], *options: str) -> dict[str, Any]:
    """Send it and give what the server made of it."""
    answer = kubectl(
        "create",
        f"--namespace={namespace}",
        "--filename=-",
        "--output=json",
        *options,
        input=json.dumps(document),
    )
    made: dict[str, Any] = json.loads(answer)
    return made


def ignoring(*paths: str, **more: Any) -> dict[str, Any]:
    return {"ignore": [{"group": "apps", "kind": "Deployment", "paths": list(paths), **more}]}


def repository(url: str) -> dict[str, Any]:
    return {"source": {"repository": url}}


BAD = {
    "no source": ({"source": {}}, "spec.source.repository"),
    "an empty repository": (repository(""), "spec.source.repository"),
    "an option as repository": (
        repository("--upload-pack=x"),
        "for example https://git.example.com/shop.git",
    ),
    "an option as host": (repository("ssh://-oProxyCommand=x/y"), "must be an https://"),
    "a remote helper": (repository("ext::sh -c touch"), "must be an https://"),
    "another protocol": (repository("ftp://host/x"), "must be an https://"),
    "a folder": (repository("/srv/git/x"), "must be an https://"),
    "a line break in the URL": (repository("https://host/x\ny"), "without spaces"),
    "a password in the URL": (repository("https://bob:pw@host/x"), "spec.source.credentials.secretName"),
    "a token in the URL": (repository("https://token@host/x"), "must not hold credentials"),
    "an option as revision": ({"source": SOURCE | {"revision": "--all"}}, "a full commit SHA"),
    "a path upwards": ({"source": SOURCE | {"path": "a/../../b"}}, "without '..'"),
    "an absolute path": ({"source": SOURCE | {"path": "/etc"}}, "relative to the repository's root"),
    "a Secret in another namespace": (
        {"source": SOURCE | {"credentials": {"secretName": "other/git"}}},
        "must be a Kubernetes name",
    ),
    "two renderers": ({"render": {"helm": {}, "plain": {}}}, "at most one of kustomize, helm and plain"),
    "an image twice": ({"render": {"kustomize": {"images": [{"name": "a"}, {"name": "a"}]}}}, "images"),
    "an upper-case prefix": ({"render": {"kustomize": {"namePrefix": "A-"}}}, "lower-case letters"),
    "an absolute values file": (
        {"render": {"helm": {"valuesFiles": ["/etc/passwd"]}}},
        "relative to spec.source.path",
    ),
    "an absolute pattern": ({"render": {"plain": {"include": ["/**"]}}}, "relative to spec.source.path"),
    "a long release name": ({"render": {"helm": {"releaseName": "a" * 54}}}, "53"),
    "a namespace that is none": ({"destination": {"namespace": "Shop"}}, "lower-case letters"),
    "an unknown prune mode": ({"sync": {"prune": "Sometimes"}}, "Confirm"),
    "an unknown adoption": ({"sync": {"adopt": "Sometimes"}}, "Unowned"),
    "more than all": ({"sync": {"pruneLimit": {"percent": 101}}}, "100"),
    "less than nothing": ({"sync": {"pruneLimit": {"objects": -1}}}, "0"),
    "a number as duration": ({"sync": {"interval": "60"}}, "like 90s, 10m or 1h30m"),
    "no time at all": ({"sync": {"progressDeadline": "0s"}}, "greater than zero"),
    "a duration of three hundred years": ({"sync": {"interval": "9999999999h"}}, "like 90s, 10m or 1h30m"),
    "a text as switch": ({"suspend": "yes"}, "spec.suspend"),
    "an unknown deletion policy": ({"deletionPolicy": "Keep"}, "Orphan"),
    "a misspelt field": ({"sync": {"purne": "Disabled"}}, "spec.sync.purne"),
    "a path without a slash": (ignoring("spec.replicas"), "must be a path like /spec/replicas"),
    "an item by its number": (ignoring("/spec/containers[0]"), "list items by the value of a field"),
    "half a selector": (ignoring("/spec/containers[name=]"), "list items by the value of a field"),
    "a tilde on its own": (ignoring("/metadata/annotations/a~b"), "'~1' for a slash"),
    "a slash at the end": (ignoring("/spec/"), "must be a path like /spec/replicas"),
    "the second of two paths": (ignoring("/spec/replicas", "replicas"), "spec.ignore[0].paths[1]"),
    "the name": (ignoring("/metadata/name"), "it makes the object what it is"),
    "all labels": (ignoring("/metadata/labels"), "name single ones"),
    "our own mark": (ignoring("/metadata/annotations/gitops.dev~1applied"), "can't be ignored"),
    "nothing to ignore": (ignoring(), "must have paths or managers"),
    "a kind with its group": (ignoring("/spec/replicas", kind="apps/Deployment"), "must be a kind"),
    "a group with its version": (ignoring("/spec/replicas", group="apps/v1"), "must be an API group"),
    "an unknown way to heal": ({"sync": {"heal": "Never"}}, "Report"),
    "an unknown way to deploy": ({"sync": {"deploy": "Never"}}, "Manual"),
    "an account of another namespace": (
        {"serviceAccountName": "other:deployer"},
        "must be a Kubernetes name",
    ),
}


@pytest.mark.parametrize(("spec", "words"), BAD.values(), ids=BAD)
def test_a_wrong_spec_is_refused_by_the_server_and_by_the_parser_in_words_that_help(
    kubectl: Kubectl, namespace: str, spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(GitopsError) as from_server:
        create(kubectl, namespace, application(spec), "--dry-run=server")
    assert words in str(from_server.value)
    with pytest.raises(InvalidApplication) as from_parser:
        Application.parse(application(spec))
    assert words in str(from_parser.value)


def test_a_name_that_would_not_fit_into_a_field_manager_is_refused(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, application({}, name="a" * 53), "--dry-run=server")
    Application.parse(application({}, name="a" * 53))
    with pytest.raises(GitopsError, match="must be at most 53 characters long"):
        create(kubectl, namespace, application({}, name="a" * 54), "--dry-run=server")
    with pytest.raises(InvalidApplication, match="must be at most 53 characters long"):
        Application.parse(application({}, name="a" * 54))


GOOD = {
    "HTTPS": repository("https://git.example.com:8443/a/b.git"),
    "plain HTTP": repository("http://127.0.0.1:3000/x.git"),
    "SSH": repository("ssh://git@git.example.com:2222/~x/y.git"),
    "scp-like": repository("git@git.example.com:shop/x.git"),
    "scp-like, absolute": repository("git@git.example.com:/srv/x.git"),
    "a file": repository("file:///srv/git/x.git"),
    "a range of versions": {"source": SOURCE | {"revision": ">=1.2 <2"}},
    "a branch with a slash": {"source": SOURCE | {"revision": "release/1.2"}},
    "dots in a path": {"source": SOURCE | {"path": "./deploy/..data/v1..2"}},
    "values of any shape": {"render": {"helm": {"values": {"a": [{"b": None}, 1.5], "c": {"d": "e"}}}}},
    "a values file beside the chart": {"render": {"helm": {"valuesFiles": ["../values/prod.yaml"]}}},
    "an image": {"render": {"kustomize": {"images": [{"name": "web", "newTag": "2"}], "namePrefix": "dev-"}}},
    "patterns": {"render": {"plain": {"include": ["**/*.yaml"], "exclude": ["tests/**"]}}},
    "the limits of a limit": {"sync": {"pruneLimit": {"percent": 0, "objects": 0}}},
    "a composed duration": {"sync": {"interval": "1h30m", "progressDeadline": "1.5h"}},
    "a list item by two fields": ignoring("/spec/ports[port=80,protocol=TCP]/nodePort"),
    "an annotation with a slash": ignoring("/metadata/annotations/example.com~1note"),
    "managers alone": {"ignore": [{"kind": "ConfigMap", "managers": ["my operator/1.0"]}]},
    "an account with dots": {"serviceAccountName": "deployer.v2"},
}


@pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD)
def test_a_right_spec_is_accepted_unchanged_and_both_read_it_alike(
    kubectl: Kubectl, namespace: str, spec: dict[str, Any]
) -> None:
    made = create(kubectl, namespace, application(spec), "--dry-run=server")
    assert made["spec"]["source"] == application(spec)["spec"]["source"]
    assert made["spec"].get("render") == spec.get("render")
    assert Application.parse(made).spec == Application.parse(application(spec)).spec


def test_the_server_fills_in_the_defaults_that_the_parser_assumes(kubectl: Kubectl, namespace: str) -> None:
    made = create(kubectl, namespace, application({}), "--dry-run=server")
    assert made["spec"] == {
        "source": SOURCE,
        "sync": {
            "deploy": "Automatic",
            "heal": "Automatic",
            "prune": "Enabled",
            "pruneLimit": {"percent": 50, "objects": 10},
            "createNamespace": False,
            "adopt": "Unowned",
            "progressDeadline": "10m",
            "interval": "60s",
            "rolloutOnConfigChange": False,
        },
        "deletionPolicy": "Prune",
        "suspend": False,
    }
    partly = create(
        kubectl, namespace, application({"sync": {"pruneLimit": {"percent": 5}}}), "--dry-run=server"
    )
    assert partly["spec"]["sync"]["pruneLimit"] == {"percent": 5, "objects": 10}


def test_explain_reads_like_documentation(kubectl: Kubectl) -> None:
    text = " ".join(kubectl("explain", "application.spec.sync").split())
    assert "How the cluster is brought to a revision." in text
    assert "enum: Enabled, Confirm, Disabled" in text
    assert "Default: Enabled." in text
    assert "as a duration like 90s, 10m or 1h30m" in text
    assert "in percent, 0 to 100" in kubectl("explain", "application.spec.sync.pruneLimit.percent")


def test_a_table_shows_state_revision_and_what_is_wrong(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, application({}))
    now = datetime.now(UTC)

    def condition(kind: ConditionType, status: Any, reason: str, message: str) -> Condition:
        return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=now)

    status = Status(
        observed_generation=1,
        conditions=(
            condition(ConditionType.READY, "False", "Degraded", "Deployment web crashes"),
            condition(ConditionType.SYNCED, "True", "Succeeded", "synced"),
            condition(ConditionType.HEALTHY, "False", "Degraded", "Deployment web crashes"),
        ),
        revision=Revision(attempted="0123456789" * 4, applied="0123456789" * 4, applied_at=now),
        objects=Objects(total=41, synced=41, healthy=40),
    )
    patch = json.dumps({"status": status.to_json()})
    here = f"--namespace={namespace}"
    kubectl("patch", "app/shop", here, "--subresource=status", "--type=merge", f"--patch={patch}")

    header, row = kubectl("get", "app", here).splitlines()
    assert header.split() == ["NAME", "READY", "SYNC", "HEALTH", "REVISION", "AGE"]
    assert row.split()[:5] == ["shop", "False", "Succeeded", "Degraded", "0123456"]
    assert "Deployment web crashes" in kubectl("get", "gitops", here, "--output=wide")

    kept = json.loads(kubectl("get", "app/shop", here, "--output=json"))
    assert kept["status"] == status.to_json()
    assert Application.parse(kept).status.to_json() == status.to_json()


def test_the_largest_status_that_the_models_allow_is_accepted(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, application({}))
    problem = {
        "object": {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "n" * 253},
        "reason": "AdmissionDenied",
        "message": "m" * 5000,
        "advice": "a" * 5000,
    }
    status = Status.model_validate(
        {
            "problems": [problem] * 20,
            "fingerprint": "f" * 4096,
            "renderReads": {"renderer": "kustomize", "paths": ["p" * LONGEST_READ] * MOST_READS},
        }
    )
    patch = json.dumps({"status": status.to_json()})
    kubectl(
        "patch",
        "app/shop",
        f"--namespace={namespace}",
        "--subresource=status",
        "--type=merge",
        "--patch-file=/dev/stdin",
        input=patch,
    )


def test_waiting_for_ready_works_with_plain_kubectl(kubectl: Kubectl, namespace: str) -> None:
    create(kubectl, namespace, application({}))
    ready = Condition(
        type=ConditionType.READY,
        status="True",
        reason="Succeeded",
        message="",
        last_transition_time=datetime.now(UTC),
    )
    patch = json.dumps({"status": Status(conditions=(ready,)).to_json()})
    here = f"--namespace={namespace}"
    kubectl("patch", "app/shop", here, "--subresource=status", "--type=merge", f"--patch={patch}")
    kubectl("wait", here, "--for=condition=Ready", "--timeout=10s", "application/shop")


def test_the_kind_is_marked_as_an_applyset_parent_so_that_kubectl_accepts_it(kubectl: Kubectl) -> None:
    label = "applyset.kubernetes.io/is-parent-type"
    assert "applications.gitops.dev" in kubectl("get", "crd", f"--selector={label}=true", "--output=name")
