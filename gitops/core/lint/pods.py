"""Rules about what a Pod may do on its node and in the cluster."""

import re
from collections.abc import Iterator

from gitops.core.lint.model import Hit, Rule
from gitops.core.lint.objects import DAEMON_SET, WORKLOADS, ObjectSet, Subject
from gitops.core.lint.severity import Severity
from gitops.core.model import GroupKind
from gitops.core.reading import items, part

_SERVICE_ACCOUNT = GroupKind("", "ServiceAccount")
_SECRET = GroupKind("", "Secret")
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SECRET_NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|(?<!PULL_)(?<!TLS_)SECRET|TOKEN|API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|CREDENTIALS)$",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"|\$\(.*\)|/.*|true|false|\d{1,2}", re.IGNORECASE)  # references, files, switches


def _default_service_account(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    pod = subject.pod
    if pod is None or pod.spec.get("automountServiceAccountToken") is False:
        return
    if pod.spec.get("serviceAccountName", pod.spec.get("serviceAccount", "default")) != "default":
        return
    account = every.find(_SERVICE_ACCOUNT, subject.place, "default")
    if account is None or account.body.get("automountServiceAccountToken") is not False:
        message = "its Pods hold a token of the namespace's default service account"
        yield Hit(f"{pod.path}.serviceAccountName", message)


def _privileged(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        if part(container.body, "securityContext").get("privileged") is True:
            path = f"{container.path}.securityContext.privileged"
            yield Hit(path, f"{container.name} may do on its node whatever root may do")


def _host_path(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    """A DaemonSet that only reads, like a collector of logs, is what a hostPath is for."""
    pod = subject.pod
    if pod is None:
        return
    for volume in items(pod.spec, "volumes"):
        if "hostPath" not in volume:
            continue
        name = volume.get("name")
        if subject.key.group_kind == DAEMON_SET and _is_read_only(subject, name):
            continue
        path = part(volume, "hostPath").get("path")
        yield Hit(f"{pod.path}.volumes[name={name}].hostPath", f"its Pods use {path} of their node")


def _is_read_only(subject: Subject, volume: object) -> bool:
    mounts = [
        mount
        for container in (subject.pod.containers if subject.pod else ())
        for mount in items(container.body, "volumeMounts")
        if mount.get("name") == volume
    ]
    return all(mount.get("readOnly") is True for mount in mounts)


def _host_namespace(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    """A DaemonSet on the node's network is usual: collectors and network plugins."""
    for field in _HOST if subject.pod else ():
        usual = field == "hostNetwork" and subject.key.group_kind == DAEMON_SET
        if subject.pod and subject.pod.spec.get(field) is True and not usual:
            what = field.removeprefix("host").lower()
            yield Hit(f"{subject.pod.path}.{field}", f"its Pods share the {what} namespace of their node")


def _may_run_as_root(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    pod = subject.pod
    whole = part(pod.spec, "securityContext") if pod else {}
    for container in pod.containers if pod else ():
        own = part(container.body, "securityContext")
        user = own.get("runAsUser", whole.get("runAsUser"))
        if own.get("runAsNonRoot", whole.get("runAsNonRoot")) is True or (isinstance(user, int) and user > 0):
            continue
        message = f"{container.name} runs as root if its image says so"
        yield Hit(f"{container.path}.securityContext.runAsNonRoot", message)


def _image_tag(subject: Subject, _: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        image = container.body.get("image")
        if not isinstance(image, str) or not image or "@" in image:
            continue
        colon, tag = image.rpartition("/")[2].partition(":")[1:]
        if not colon:
            yield Hit(f"{container.path}.image", f"{image} has no tag, which means latest")
        elif tag == "latest":
            yield Hit(f"{container.path}.image", f"{image} is another image each time somebody pushes one")


def _secret_in_env(subject: Subject, every: ObjectSet) -> Iterator[Hit]:
    for container in subject.pod.containers if subject.pod else ():
        for variable in items(container.body, "env"):
            name, value = str(variable.get("name", "")), variable.get("value")
            if not _SECRET_NAME.search(name) or not isinstance(value, str) or _NO_SECRET.fullmatch(value):
                continue
            if every.find(_SECRET, subject.place, value) is None:  # else it is only its name
                path = f"{container.path}.env[name={name}]"
                yield Hit(path, f"the value of {name} stands in the manifest")


RULES = (
    Rule(
        "default-service-account",
        Severity.INFO,
        "Pods run with the namespace's default service account, and hold its token.",
        "Most programs never talk to the API server. Whoever breaks into one gets a token, and with it every "
        "right that anybody ever gave to the default account.",
        "set automountServiceAccountToken: false, or name an account of its own",
        WORKLOADS,
        _default_service_account,
    ),
    Rule(
        "privileged",
        Severity.WARNING,
        "A container is privileged.",
        "It is no container any more: it sees all devices of the node, and from there everything that runs "
        "on it.",
        "remove it; add the single capability that is needed",
        WORKLOADS,
        _privileged,
    ),
    Rule(
        "host-path",
        Severity.WARNING,
        "A Pod uses a folder of its node. (A DaemonSet that only reads one is not meant.)",
        "Data stays behind when the Pod moves to another node; and a Pod that can write to its node, or "
        "talk to the container runtime's socket, can take it over.",
        "use a PersistentVolumeClaim, an emptyDir or a projected volume",
        WORKLOADS,
        _host_path,
    ),
    Rule(
        "host-namespace",
        Severity.WARNING,
        "A Pod shares the network, the processes or the memory of its node.",
        "NetworkPolicies don't hold it, ports collide, and it can see and reach what runs beside it. (A "
        "DaemonSet on the node's network is not meant.)",
        "remove it; a Service or a hostPort is nearly always enough",
        WORKLOADS,
        _host_namespace,
    ),
    Rule(
        "may-run-as-root",
        Severity.INFO,
        "Nothing keeps a container from running as root.",
        "A hole in the container runtime then is a hole in the node. The Pod Security Standard `restricted` "
        "refuses such Pods.",
        "set securityContext.runAsNonRoot: true, and runAsUser if the image names its user by name",
        WORKLOADS,
        _may_run_as_root,
    ),
    Rule(
        "image-tag",
        Severity.WARNING,
        "An image has no tag, or `latest`.",
        "Which program runs is decided by when a node pulled the image. Git doesn't say what runs, and a "
        "roll-back rolls nothing back.",
        "name a version, or better a digest",
        WORKLOADS,
        _image_tag,
    ),
    Rule(
        "secret-in-env",
        Severity.WARNING,
        "A variable that is named like a secret has its value in the manifest.",
        "Everybody who may read the repository or the Deployment has it.",
        "put it into a Secret and use valueFrom.secretKeyRef",
        WORKLOADS,
        _secret_in_env,
    ),
)
