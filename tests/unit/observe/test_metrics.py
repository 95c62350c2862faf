"""Metrics as a scrape shows them, read with Prometheus' own parser."""

import threading
from typing import TypeAlias

import pytest
from prometheus_client.parser import text_string_to_metric_families

import gitops
from gitops.observe.managers import manager_class
from gitops.observe.metrics import OBJECT_STATES, Metrics

Samples: TypeAlias = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(metrics: Metrics) -> Samples:
    body, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, metric: str, /, **labels: str) -> float | None:
    return scrape(metrics).get((metric, frozenset(labels.items())))


def use_everything(metrics: Metrics, namespace: str = "shop", name: str = "web") -> None:
    """Call every method once."""
    metrics.application(namespace, name, sync="Succeeded", health="Succeeded", suspended=False)
    metrics.conditions(namespace, name, {"Ready": "True", "Synced": "True"})
    metrics.objects(namespace, name, {"synced": 3})
    metrics.succeeded(namespace, name, 1_700_000_000.0)
    metrics.sync(namespace, name, "succeeded", "revision")
    metrics.phase("apply", 0.2)
    metrics.commit_applied(namespace, name, 4.0)
    metrics.commit_healthy(9.0)
    metrics.drift_detected(namespace, name, "Deployment", "kubectl-edit")
    metrics.drift_corrected(namespace, name, "Deployment", "kubectl-edit", 0.1)
    metrics.fight(namespace, name, "ConfigMap", "kubectl-edit")
    metrics.verification_found("ConfigMap")
    metrics.pruned(namespace, name, "ConfigMap")
    metrics.prune_refused(namespace, name, "PruneRefused")
    metrics.git_poll("git.example.com", "unchanged")
    metrics.git_operation("fetch", 0.4)
    metrics.rendered("helm", 0.3)
    metrics.render_cached()
    metrics.kube_request("patch", "deployments.apps", 200, 0.003)
    metrics.watch_restarted("deployments.apps")
    metrics.watched("deployments.apps", 12)
    metrics.queue_depth(2)
    metrics.queue_waited(0.01)
    metrics.reconciled("done", 0.05)
    metrics.leader(True)


def test_every_described_metric_appears_in_a_scrape_with_its_labels() -> None:
    metrics = Metrics()
    use_everything(metrics)
    seen: dict[str, set[str]] = {}
    for name, labels in scrape(metrics):
        base = name.removesuffix("_count")
        seen.setdefault(base, set()).update(key for key, _ in labels)
    for metric in metrics.describe():
        assert seen.get(metric.name) == set(metric.labels), metric.name


def test_every_metric_in_a_scrape_is_described() -> None:
    metrics = Metrics()
    use_everything(metrics)
    described = {metric.name.removesuffix("_total") for metric in metrics.describe()}
    families = text_string_to_metric_families(metrics.exposition()[0].decode())
    assert {family.name for family in families if not family.name.startswith("process_")} == described


def test_a_deleted_application_leaves_no_series_and_the_others_keep_theirs() -> None:
    metrics = Metrics()
    use_everything(metrics, "shop", "web")
    use_everything(metrics, "shop", "api")
    use_everything(metrics, "other", "web")
    metrics.forget("shop", "web")
    pairs = {
        (dict(labels)["namespace"], dict(labels)["name"])
        for _, labels in scrape(metrics)
        if "namespace" in dict(labels)
    }
    assert pairs == {("shop", "api"), ("other", "web")}


def test_an_application_that_comes_back_counts_from_zero() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.pruned("shop", "web", "ConfigMap")
    metrics.forget("shop", "web")
    metrics.forget("shop", "web")
    metrics.pruned("shop", "web", "ConfigMap")
    assert value(metrics, "gitops_pruned_total", namespace="shop", name="web", kind="ConfigMap") == 1


def test_an_application_is_in_one_state_at_a_time() -> None:
    metrics = Metrics()
    metrics.application("shop", "web", sync="Progressing", health="Degraded", suspended=False)
    metrics.application("shop", "web", sync="Succeeded", health="Succeeded", suspended=True)
    found = [dict(labels) for name, labels in scrape(metrics) if name == "gitops_application_info"]
    assert found == [
        {"namespace": "shop", "name": "web", "sync": "Succeeded", "health": "Succeeded", "suspended": "true"}
    ]


def test_a_condition_that_is_gone_has_no_series() -> None:
    metrics = Metrics()
    metrics.conditions("shop", "web", {"Ready": "False", "Stalled": "True"})
    metrics.conditions("shop", "web", {"Ready": "True"})
    found = [dict(labels) for name, labels in scrape(metrics) if name == "gitops_application_condition"]
    assert found == [{"namespace": "shop", "name": "web", "type": "Ready", "status": "True"}]


def test_a_state_without_objects_is_zero_and_not_what_it_was() -> None:
    metrics = Metrics()
    metrics.objects("shop", "web", {"synced": 3, "drifted": 1})
    metrics.objects("shop", "web", {"synced": 4})
    assert {
        state: value(metrics, "gitops_application_objects", namespace="shop", name="web", state=state)
        for state in OBJECT_STATES
    } == {"synced": 4, "drifted": 0, "missing": 0, "degraded": 0, "progressing": 0}


def test_durations_are_observed_in_seconds() -> None:
    metrics = Metrics()
    metrics.kube_request("get", "pods", 404, 0.004)
    assert value(metrics, "gitops_kube_requests_total", verb="get", resource="pods", code="404") == 1
    assert value(metrics, "gitops_kube_request_seconds_sum", verb="get", resource="pods") == pytest.approx(
        0.004
    )


def test_a_correction_whose_beginning_was_not_seen_is_counted_but_not_timed() -> None:
    metrics = Metrics()
    metrics.drift_corrected("shop", "web", "Service", "")
    labels = {"namespace": "shop", "name": "web", "kind": "Service", "manager": "unknown"}
    assert value(metrics, "gitops_drift_corrected_total", **labels) == 1
    assert value(metrics, "gitops_drift_correction_seconds_count") == 0


def test_the_version_is_told() -> None:
    assert value(Metrics(), "gitops_build_info", version=gitops.__version__) == 1


def test_two_processes_parts_can_have_metrics_of_their_own() -> None:
    one, two = Metrics(), Metrics()
    one.queue_depth(5)
    assert value(two, "gitops_queue_depth") == 0


def test_label_values_may_hold_any_character() -> None:
    metrics = Metrics()
    metrics.git_poll('a"b\\c\nd', "failed")
    assert value(metrics, "gitops_git_poll_total", host='a"b\\c\nd', result="failed") == 1


def test_threads_lose_no_counts() -> None:
    metrics = Metrics()

    def work() -> None:
        for number in range(500):
            metrics.kube_request("get", f"kind{number % 50}", 200, 0.001)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [count for (name, _), count in scrape(metrics).items() if name == "gitops_kube_requests_total"]
    assert sum(counts) == 8 * 500


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        ("kubectl-client-side-apply", "kubectl"),
        ("kubectl-edit", "kubectl"),
        ("Helm", "helm"),
        ("helm-controller", "flux"),
        ("kustomize-controller", "flux"),
        ("argocd-controller", "argocd"),
        ("kube-controller-manager", "controller-manager"),
        ("vpa-admission-controller", "autoscaler"),
        ("Mozilla", "other"),
        ("gitops.dev/shop/other", "other"),
        ("before-first-apply", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_manager_name_becomes_one_of_a_closed_set(manager: str, expected: str) -> None:
    assert manager_class(manager) == expected
