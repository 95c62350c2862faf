"""What the demo shows. Each step looks for itself, and raises GitopsError if it did not happen."""

import json
import time
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from gitops.cli.demo_page import Page, duration
from gitops.cli.demo_stage import INTERVAL, NAMESPACE, Stage, fetch
from gitops.cli.demo_watch import applied, condition, missed, ready, status_of
from gitops.core.identity import applyset_id

_BASE = "deploy/shop/base"
_OVERLAY = "deploy/shop/overlays/prod"
_IMAGE = "registry.example.com/shop/web"
_KINDS = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "Service",
    "NetworkPolicy",
    "Widget",
    "Deployment",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Ingress",
)
_APPLICATIONS = {"shop": f"{_OVERLAY}, with Kustomize", "payments": "deploy/payments, with Helm"}
_EMPTY = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: shop\nresources: []\n"


def first_sync(stage: Stage, page: Page) -> None:
    """An empty cluster becomes what the repository describes, from a Kustomize and a Helm path."""
    page.heading("1. First sync: from Git to a running shop")
    page.command("git add .")
    revision, _ = _push(stage, page, "Add the shop")
    page.command("kubectl apply -f applications.yaml")
    began = time.monotonic()
    stage.kubectl("apply", "--filename=applications.yaml")
    with stage.watch_status("shop") as shop, stage.watch_status("payments") as payments:
        done = {
            name: watch.until(f"the first sync of {name}", ready(revision))
            for name, watch in (("shop", shop), ("payments", payments))
        }
    kinds = {uid: kind for kind, uid in _members(stage, "shop")}
    lacking = set(_KINDS) - set(kinds.values())
    if lacking:
        raise missed(f"the first sync of shop has not made: {', '.join(sorted(lacking))}")
    for name, how in _APPLICATIONS.items():
        seen = done[name]
        total = status_of(seen.text)["objects"]["total"]
        page.done(f"{name} ({how}): {total} objects, all healthy after {duration(seen.at - began)}")
    page.say(f"shop has {', '.join(_KINDS[:-1])} and {_KINDS[-1]}.")
    page.command("kubectl get widgets -n shop    # made together with its CRD")
    page.output(stage.kubectl("get", "widgets", "--namespace=shop"))


def rollout(stage: Stage, page: Page) -> None:
    """A commit reaches the Pods."""
    page.heading("2. A commit rolls out")
    page.command(f"sed -i s/1.0.0/1.1.0/ {_OVERLAY}/kustomization.yaml")
    edited = _edited(stage, f"{_OVERLAY}/kustomization.yaml", "newTag: 1.0.0", "newTag: 1.1.0")
    with stage.watch_status("shop") as shop:
        revision, pushed = _push(stage, page, "Release web 1.1.0", edited)
        has_it = shop.until("the sync of the commit", applied(revision))
        is_ready = shop.until("the rollout of the commit", ready(revision))
    pods = json.loads(stage.kubectl("get", "pods", "--namespace=shop", "--output=json"))["items"]
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    }
    if images != {f"{_IMAGE}:1.1.0"}:
        raise missed(f"the Pods of the shop run {', '.join(sorted(images)) or 'nothing'}")
    page.done(f"applied {duration(has_it.at - pushed)} after the push")
    page.done(f"every Pod runs {_IMAGE}:1.1.0, ready {duration(is_ready.at - pushed)} after the push")
    page.quote(stage.event("shop", "Synced", lambda message: revision[:7] in message))
    page.say(
        f"Here Git is asked every second (spec.sync.interval: {INTERVAL}); by default it is every minute, "
        "and at once when the annotation gitops.dev/reconcile-at of the Application changes."
    )


def heal(stage: Stage, page: Page) -> None:
    """A change by hand is undone, and said who made it."""
    page.heading("3. An edit by hand is healed")
    path = "{.spec.template.spec.containers[0].image}"
    editor = "sed -i s/1.1.0/hotfix/"
    page.command(f'KUBE_EDITOR="{editor}" kubectl edit -n shop deployment/web')
    with stage.watch("deployment/web", "--namespace=shop", path=path) as image:
        image.until("the Deployment", lambda text: text == f"{_IMAGE}:1.1.0")
        stage.run("kubectl", "edit", "deployment/web", "--namespace=shop", KUBE_EDITOR=editor)
        broken = image.until("the edit", lambda text: text == f"{_IMAGE}:hotfix")
        healed = image.until("the healing", lambda text: text == f"{_IMAGE}:1.1.0")
    page.done(f"the image is back, {duration(healed.at - broken.at)} after the edit was seen")
    message = stage.event("shop", "DriftHealed")
    if "kubectl-edit" not in message:
        raise missed("the Event does not say who made the edit", message)
    page.quote(message)


def prune(stage: Stage, page: Page) -> None:
    """What leaves Git leaves the cluster."""
    page.heading("4. What is removed from Git is removed from the cluster")
    page.command(f"git rm {_BASE}/ingress.yaml {_OVERLAY}/ingress.yaml")
    page.say("(and their lines in the two files kustomization.yaml)")
    removed = {
        **_edited(stage, f"{_BASE}/kustomization.yaml", "  - ingress.yaml\n", ""),
        **_edited(stage, f"{_OVERLAY}/kustomization.yaml", "patches:\n  - path: ingress.yaml\n", ""),
        f"{_BASE}/ingress.yaml": None,
        f"{_OVERLAY}/ingress.yaml": None,
    }
    rest = {(kind, uid) for kind, uid in _members(stage, "shop") if kind != "Ingress"}
    with stage.watch_status("shop") as shop:
        revision, pushed = _push(stage, page, "Close the public entrance", removed)
        done = shop.until("the sync of the removal", ready(revision))
    message = stage.event("shop", "Pruned", lambda message: "Ingress" in message)
    if _members(stage, "shop") != rest:
        raise missed("the objects of the shop are not those of before without the Ingress")
    page.done(f"the Ingress is gone, and the rest is as it was, {duration(done.at - pushed)} after the push")
    page.quote(message)


def refuse(stage: Stage, page: Page) -> None:
    """A commit that would delete everything deletes nothing."""
    page.heading("5. A commit that removes everything is refused")
    before = _members(stage, "shop")
    page.command(f"git rm -r {_BASE}")
    page.say(f"(and an empty list of resources in {_OVERLAY})")
    files: dict[str, str | None] = {
        str(path.relative_to(stage.tree.folder)): None
        for path in (stage.tree.folder / _BASE).iterdir()
        if path.is_file()
    }
    with stage.watch_status("shop") as shop:
        _, pushed = _push(stage, page, "Tidy up", {**files, f"{_OVERLAY}/kustomization.yaml": _EMPTY})
        refused = shop.until(
            "the refusal", lambda text: condition(status_of(text), "Synced").get("reason") == "PruneRefused"
        )
        if _members(stage, "shop") != before:
            raise missed("objects of the shop were deleted")
        seconds = duration(refused.at - pushed)
        page.done(f"refused {seconds} after the push: all {len(before)} objects are still there")
        page.quote(condition(status_of(refused.text), "Synced")["message"])
        page.command("git revert HEAD && git push")
        stage.tree.git("revert", "--no-edit", "HEAD")
        stage.tree.push()
        pushed = time.monotonic()
        again = shop.until(
            "the end of the refusal",
            lambda text: condition(status_of(text), "Ready").get("status") == "True",
        )
    if _members(stage, "shop") != before:
        raise missed("objects of the shop were deleted or made anew")
    page.done(f"in order again {duration(again.at - pushed)} after the push, and not one object was touched")


def look(stage: Stage, page: Page) -> None:
    """The command shows where everything is, and what a change would do before it is pushed."""
    page.heading("6. Looking at it")
    page.command("gitops status")
    began = time.monotonic()
    status = stage.run("gitops", "status")
    if status.count("Synced") != len(_APPLICATIONS):
        raise missed("not all Applications are synced", status)
    page.output(status)
    page.done(f"all Applications, in {duration(time.monotonic() - began)}")
    page.say("And a change that is not committed yet: more Pods, and another session key.")
    secret = "not-to-be-seen"  # noqa: S105 - what must not appear in the output
    stage.tree.write(_edited(stage, f"{_BASE}/horizontalpodautoscaler.yaml", "Replicas: 6", "Replicas: 10"))
    stage.tree.write(_edited(stage, f"{_BASE}/kustomization.yaml", "=only-an-example", f"={secret}"))
    page.command(f"gitops diff {_OVERLAY}")
    began = time.monotonic()
    diff = stage.run("gitops", "diff", _OVERLAY, codes=(1,))  # 1: there are differences
    stage.tree.git("restore", ".")
    if "maxReplicas" not in diff or secret in diff:
        raise missed("the diff does not show what it should", diff)
    page.output(diff)
    page.done(f"what a push would do, and no Secret's value, in {duration(time.monotonic() - began)}")


def metrics(stage: Stage, page: Page) -> None:
    """The controller has counted what it did."""
    page.heading("7. Metrics")
    page.command(f"curl {stage.metrics_url}")
    began = time.monotonic()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(fetch(stage.metrics_url)):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    shown = {
        "gitops_sync_total": "syncs",
        "gitops_drift_corrected_total": "objects healed",
        "gitops_drift_correction_seconds_sum": "seconds that it took, in all",
        "gitops_pruned_total": "objects pruned",
        "gitops_prune_refused_total": "prunes refused",
        "gitops_git_poll_total": "questions to the Git server",
        "gitops_kube_requests_total": "requests to the Kubernetes API",
    }
    lacking = [name for name in shown if not found.get(name)]
    if lacking:
        raise missed(f"metrics without a value: {', '.join(lacking)}")
    width = max(map(len, shown))
    page.output("\n".join(f"{name:<{width}} {found[name]:8.3g}  {text}" for name, text in shown.items()))
    page.done(
        f"some of {len(found)} series for Prometheus, summed up, in {duration(time.monotonic() - began)}"
    )


STEPS = (first_sync, rollout, heal, prune, refuse, look, metrics)


def _push(
    stage: Stage, page: Page, message: str, files: Mapping[str, str | None] | None = None
) -> tuple[str, float]:
    """Commit and push; gives the commit and the moment when the server had it."""
    page.command(f'git commit -a -m "{message}" && git push')
    revision = stage.tree.commit(message, files)
    stage.tree.push()
    return revision, time.monotonic()


def _edited(stage: Stage, name: str, old: str, new: str) -> dict[str, str | None]:
    """A file of the working tree with a text replaced that has to be there."""
    text = (stage.tree.folder / name).read_text(encoding="utf-8")
    if old not in text:
        raise missed(f"{name} of the example has no {old!r}")
    return {name: text.replace(old, new)}


def _members(stage: Stage, application: str) -> set[tuple[str, str]]:
    """Kind and uid of each object of an Application that was made for it and still lives."""
    kinds = ",".join(f"{kind.lower()}" for kind in _KINDS)
    selector = f"applyset.kubernetes.io/part-of={applyset_id(NAMESPACE, application)}"
    found = stage.kubectl("get", kinds, "--all-namespaces", f"--selector={selector}", "--output=json")
    return {
        (item["kind"], item["metadata"]["uid"])
        for item in json.loads(found)["items"]
        if "deletionTimestamp" not in item["metadata"]
    }
