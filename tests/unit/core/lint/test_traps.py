"""What the rules find beyond their documented examples, and what they must leave alone."""

import pytest

from gitops.core.lint.ignoring import PATH
from gitops.core.lint.quantities import quantity
from tests.unit.core.lint.reading import found, report

HEAD = """\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: web, annotations: {{{annotations}}}}}
spec:
  {spec}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{pod_annotations}}}}}
    spec:
      {pod}
      containers:
        - name: web
          image: {image}
          {container}
---
"""


def workload(
    container: str = "",
    *,
    kind: str = "Deployment",
    spec: str = "",
    pod: str = "",
    image: str = "example.com/web:1",
    annotations: str = "",
    pod_annotations: str = "",
) -> str:
    return HEAD.format(
        kind=kind,
        spec=spec or "minReadySeconds: 0",
        pod=pod or "enableServiceLinks: false",
        container=container or "imagePullPolicy: IfNotPresent",
        image=image,
        annotations=annotations,
        pod_annotations=pod_annotations,
    )


def service(port: str, selector: str = "app: web", more: str = "type: ClusterIP") -> str:
    return (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
        f"spec: {{{more}, selector: {{{selector}}}, ports: [{{port: 80, {port}}}]}}\n---\n"
    )


def budget(spec: str) -> str:
    return (
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\n"
        f"spec: {{{spec}, selector: {{matchExpressions: [{{key: app, operator: Exists}}]}}}}\n---\n"
    )


def config_map(more: str = "", name: str = "c") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: v}}\n{more}\n---\n"


VOLUME = "volumes: [{name: v, configMap: {name: c}}]"
FROM_MAP = "envFrom: [{configMapRef: {name: c}}]"
CPU_SCALER = (
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
    "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2}\n---\n"
)
PORTS = "ports: [{name: http, containerPort: 8080}]"
LIVE = "livenessProbe: {httpGet: {path: %s, port: 8080%s}%s}"

TRAPS = {
    "a sidecar needs requests, too": (
        "no-requests",
        workload(
            "resources: {requests: {cpu: 1, memory: 1Gi}}",
            pod="initContainers: [{name: s, image: a:1, restartPolicy: Always}]",
        ),
    ),
    "a Job needs requests": (
        "no-requests",
        (
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec: {jobTemplate: {spec: {template: "
            "{spec: {containers: [{name: j, image: a:1}]}}}}}\n"
        ),
    ),
    "a heap for Node.js in the arguments": (
        "heap-over-limit",
        workload("args: [node, --max-old-space-size=512]\n          resources: {limits: {memory: 512Mi}}"),
    ),
    "one failure kills": ("hasty-liveness-probe", workload(LIVE % ("/", "", ", failureThreshold: 1"))),
    "a liveness probe of another host": (
        "liveness-depends-on-others",
        workload(LIVE % ("/", ", host: database", "")),
    ),
    "an account that is named default": (
        "default-service-account",
        workload(pod="serviceAccountName: default"),
    ),
    "a folder of the node that a DaemonSet writes to": (
        "host-path",
        workload(
            "volumeMounts: [{name: v, mountPath: /v}]",
            kind="DaemonSet",
            pod="volumes: [{name: v, hostPath: {path: /v}}]",
        ),
    ),
    "an image of a registry with a port and no tag": ("image-tag", workload(image="example.com:5000/web")),
    "a cache that keeps its data in a claim": (
        "database-as-deployment",
        workload(image="redis:8", pod="volumes: [{name: v, persistentVolumeClaim: {claimName: v}}]"),
    ),
    "an autoscaler that wants several": ("no-disruption-budget", workload() + CPU_SCALER),
    "a budget of none": ("budget-allows-nothing", workload() + budget("maxUnavailable: 0")),
    "a budget that needs all": ("budget-allows-nothing", workload() + budget("minAvailable: 100%")),
    "an autoscaler with the default metric": ("autoscaler-without-requests", workload() + CPU_SCALER),
    "a number that no container has": ("service-port", workload(PORTS) + service("targetPort: 9090")),
    "a port that is not told otherwise": ("service-port", workload(PORTS) + service("protocol: TCP")),
    "an Ingress to a port that the Service hasn't": (
        "missing-backend",
        service("targetPort: 8080") + "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\n"
        "spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, "
        "port: {number: 8080}}}}]}}]}\n",
    ),
    "a route to a Service that isn't there": (
        "missing-backend",
        service("targetPort: 8080") + "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        "metadata: {name: r}\nspec: {rules: [{backendRefs: [{name: shop, port: 80}]}]}\n",
    ),
    "a single file of a ConfigMap": (
        "config-not-restarted",
        config_map() + workload("volumeMounts: [{name: v, mountPath: /c, subPath: k}]", pod=VOLUME),
    ),
    "a ConfigMap that isn't there": (
        "missing-configuration",
        config_map(name="other") + workload("envFrom: [{configMapRef: {name: c}}]"),
    ),
    "a finalizer of the spec": (
        "namespace-finalizers",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\nspec: {finalizers: [kubernetes, a.b/c]}\n",
    ),
    "rights for all accounts": (
        "rights-for-everybody",
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
            "roleRef: {kind: ClusterRole, name: view}\n"
            "subjects: [{kind: Group, name: 'system:serviceaccounts'}]\n"
        ),
    ),
}

FALSE_ALARMS = {
    "an init container needs no requests": (
        "no-requests",
        workload(
            "resources: {requests: {cpu: 1, memory: 1Gi}}", pod="initContainers: [{name: i, image: a:1}]"
        ),
    ),
    "a limit is a request": ("no-requests", workload("resources: {limits: {cpu: 1, memory: 1Gi}}")),
    "a request for the whole Pod is enough": (
        "no-requests",
        workload(pod="resources: {requests: {cpu: 1, memory: 1Gi}}"),
    ),
    "a worker without a Service needs no readiness": ("no-readiness-probe", workload()),
    "the usual liveness probe": ("hasty-liveness-probe", workload(LIVE % ("/healthz", "", ""))),
    "one container with a readiness probe is enough": (
        "no-readiness-probe",
        workload(
            "readinessProbe: {tcpSocket: {port: 80}}",
            pod="initContainers: [{name: s, image: a:1, restartPolicy: Always}]",
        )
        + service("targetPort: 80"),
    ),
    "a Pod without the token": (
        "default-service-account",
        workload() + "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n"
        "automountServiceAccountToken: false\n",
    ),
    "a DaemonSet that reads the logs of its node": (
        "host-path",
        workload(
            "volumeMounts: [{name: v, mountPath: /v, readOnly: true}]",
            kind="DaemonSet",
            pod="volumes: [{name: v, hostPath: {path: /var/log}}]",
        ),
    ),
    "an image by digest": ("image-tag", workload(image=f"example.com/web@sha256:{'0' * 64}")),
    "a variable that names a file": (
        "secret-in-env",
        workload("env: [{name: TOKEN, value: /run/token}, {name: PASSWORD_FILE, value: /x}]"),
    ),
    "a variable with the name of a Secret": (
        "secret-in-env",
        workload("env: [{name: PULL_SECRET, value: regcred}, {name: KEY_SECRET, value: s}]")
        + "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
    ),
    "a Job with the labels of the Pods that serve": (
        "service-port",
        workload(PORTS)
        + service("targetPort: http")
        + "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {metadata: {labels: "
        "{app: web}}, spec: {containers: [{name: j, image: a:1}]}}}\n",
    ),
    "a Secret that is named after a custom resource": (
        "missing-configuration",
        workload("envFrom: [{secretRef: {name: db-app}}]")
        + "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n---\n"
        "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: db}\n",
    ),
    "a cache that may forget": ("database-as-deployment", workload(image="redis:8")),
    "a program that only talks to a database": (
        "database-as-deployment",
        workload(image="example.com/postgres-exporter:1"),
    ),
    "a database of one Pod that is recreated": (
        "database-as-deployment",
        workload(
            image="postgres:17",
            spec="strategy: {type: Recreate}",
            pod="volumes: [{name: v, persistentVolumeClaim: {claimName: v}}]",
        ),
    ),
    "a budget that leaves one": (
        "budget-allows-nothing",
        workload(spec="replicas: 3") + budget("minAvailable: 2"),
    ),
    "a budget for what is made elsewhere": ("budget-matches-nothing", budget("maxUnavailable: 1")),
    "a Service for what is made elsewhere": ("service-without-pods", service("targetPort: 80")),
    "a Service with endpoints by hand": (
        "service-without-pods",
        workload() + "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n",
    ),
    "a number of a Pod that declares nothing": ("service-port", workload() + service("targetPort: 9090")),
    "an Ingress to a Service of elsewhere": (
        "missing-backend",
        (
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\n"
            "spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n"
        ),
    ),
    "files of a whole volume": ("config-not-restarted", config_map() + workload(pod=VOLUME)),
    "a ConfigMap that can't change": (
        "config-not-restarted",
        config_map("immutable: true") + workload(FROM_MAP),
    ),
    "a name that changes with the content": (
        "config-not-restarted",
        config_map(name="c-hkh9467bcm") + workload("envFrom: [{configMapRef: {name: c-hkh9467bcm}}]"),
    ),
    "a checksum in the template": (
        "config-not-restarted",
        config_map() + workload(FROM_MAP, pod_annotations="checksum/config: abc"),
    ),
    "another program that restarts": (
        "config-not-restarted",
        config_map() + workload(FROM_MAP, annotations="reloader.stakater.com/auto: 'true'"),
    ),
    "an optional ConfigMap": (
        "missing-configuration",
        config_map() + workload("envFrom: [{configMapRef: {name: d, optional: true}}]"),
    ),
    "a Secret that an operator makes": (
        "missing-configuration",
        workload("envFrom: [{secretRef: {name: made}}]")
        + "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n---\n"
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\n"
        "spec: {target: {name: made}}\n",
    ),
    "a Secret without values": ("secret-in-git", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
    "a namespace's usual finalizer": (
        "namespace-finalizers",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\nspec: {finalizers: [kubernetes]}\n",
    ),
    "an administrator who is a person": (
        "cluster-admin",
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"
            "roleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: [{kind: User, name: ada}]\n"
        ),
    ),
    "a custom kind with the name of a removed one": (
        "removed-version",
        "apiVersion: example.com/v1beta1\nkind: Ingress\nmetadata: {name: i}\n",
    ),
}


@pytest.mark.parametrize(("rule", "text"), TRAPS.values(), ids=TRAPS)
def test_it_is_found(rule: str, text: str) -> None:
    assert found(text, rule)


@pytest.mark.parametrize(("rule", "text"), FALSE_ALARMS.values(), ids=FALSE_ALARMS)
def test_it_is_left_alone(rule: str, text: str) -> None:
    assert not found(text, rule)


def test_no_value_of_a_secret_is_in_a_finding() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: swordfish}\n---\n"
    findings = report(secret + workload("env: [{name: DB_PASSWORD, value: swordfish}]")).findings
    assert {"secret-in-git", "secret-in-env"} <= {one.rule for one in findings}
    assert "swordfish" not in str(findings)
    assert "c3dvcmRmaXNo" not in str(findings)


def test_an_exemption_without_a_reason_exempts_from_nothing() -> None:
    text = workload(image="web", annotations="gitops.dev/lint-ignore: 'image-tag; no-such-rule: because'")
    assert found(text, "image-tag")
    messages = {one.message for one in found(text, "bad-lint-ignore")}
    assert messages == {
        "image-tag is to be ignored, and no reason is given",
        "there is no rule 'no-such-rule'",
    }
    assert {one.path for one in found(text, "bad-lint-ignore")} == {PATH}


def test_objects_of_other_namespaces_dont_meet() -> None:
    text = workload(PORTS) + service("targetPort: http").replace(
        "{name: web}", "{name: web, namespace: other}"
    )
    assert not found(text, "service-port")
    assert not found(text, "no-readiness-probe")


def test_only_what_a_change_brings_is_new_even_when_lines_move() -> None:
    before = report(workload(image="web"))
    after = report(f"# a comment\n\n{workload(image='web', pod='hostNetwork: true')}")
    assert [one.rule for one in after.since(before).findings] == ["host-namespace"]
    assert after.since(after).findings == ()


def test_findings_of_a_file_come_worst_first_and_then_by_line() -> None:
    findings = report("\n" * 8 + workload(image="web") + service("targetPort: nowhere")).findings
    ranks = [(-one.severity.rank, int(one.origin.rpartition(":")[2])) for one in findings]
    assert ranks == sorted(ranks)
    assert findings[0].rule == "service-port"


def test_what_has_the_wrong_shape_is_not_judged() -> None:
    for broken in (
        "spec: 1",
        "spec: {template: []}",
        "spec: {template: {spec: {containers: {}, volumes: 1}}}",
    ):
        report(f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\n{broken}\n")
        report(f"apiVersion: v1\nkind: Service\nmetadata: {{name: w}}\n{broken}\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("500m", 0.5),
        ("128Mi", 128 * 1024**2),
        ("1.5G", 1.5e9),
        ("2e3", 2000),
        ("1E", 1e18),
        ("x", None),
    ],
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, value: float | None) -> None:
    assert quantity(text) == value
