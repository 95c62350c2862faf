"""Parsing an Application: what is filled in, what is refused, what is tolerated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gitops.api.application import Application, InvalidApplication
from gitops.api.rules import seconds
from gitops.api.spec import Adopt, DeletionPolicy, Prune
from gitops.api.status import Condition, ConditionType, ProblemReport, Revision, Status


def document(spec: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    return {
        "apiVersion": "gitops.dev/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"source": {"repository": "https://git.example.com/shop.git"}} | (spec or {}),
    } | extra


def test_a_spec_with_a_repository_alone_gets_the_documented_defaults() -> None:
    spec = Application.parse(document()).spec
    assert (spec.source.revision, spec.source.path, spec.source.credentials) == (None, "", None)
    assert (spec.render.kustomize, spec.render.helm, spec.render.plain) == (None, None, None)
    assert (spec.sync.prune, spec.sync.adopt, spec.sync.create_namespace) == (
        Prune.ENABLED,
        Adopt.UNOWNED,
        False,
    )
    assert (spec.sync.prune_limit.percent, spec.sync.prune_limit.objects) == (50, 10)
    assert (spec.sync.progress_deadline_seconds, spec.sync.interval_seconds) == (600.0, 60.0)
    assert (spec.deletion_policy, spec.suspend, spec.service_account_name) == (
        DeletionPolicy.PRUNE,
        False,
        None,
    )


def test_objects_go_to_the_applications_own_namespace_unless_the_destination_names_one() -> None:
    assert Application.parse(document()).destination_namespace == "shop"
    there = Application.parse(document({"destination": {"namespace": "there"}}))
    assert there.destination_namespace == "there"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1.5h", 5400.0), ("1m1s", 61.0)],
)
def test_a_duration_is_read_in_seconds(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


def test_every_fault_is_reported_with_the_path_of_its_field() -> None:
    with pytest.raises(InvalidApplication) as caught:
        Application.parse(
            document(
                {
                    "sync": {"prune": "Sometimes", "pruneLimit": {"percent": 101}},
                    "render": {"plain": {"include": ["ok", "/etc/*"]}},
                }
            )
        )
    assert {field for field, _ in caught.value.faults} == {
        "spec.sync.prune",
        "spec.sync.pruneLimit.percent",
        "spec.render.plain.include[1]",
    }
    assert "spec.sync.prune: " in str(caught.value)


def test_a_misspelt_field_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidApplication) as caught:
        Application.parse(document({"sync": {"purne": "Disabled"}}))
    assert (caught.value.field, caught.value.message) == ("spec.sync.purne", "unknown field")


def test_an_error_does_not_repeat_what_may_be_a_secret() -> None:
    with pytest.raises(InvalidApplication) as caught:
        Application.parse(document({"source": {"repository": "https://bob:hunter22@git.example.com/x"}}))
    assert "hunter22" not in str(caught.value)
    assert "spec.source.credentials.secretName" in caught.value.message


@pytest.mark.parametrize(
    ("change", "field"),
    [({"kind": "Deployment"}, "kind"), ({"apiVersion": "apps/v1"}, "apiVersion"), ({"spec": None}, "spec")],
)
def test_what_is_no_application_is_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidApplication) as caught:
        Application.parse(document() | change)
    assert caught.value.field == field


def test_metadata_is_read_as_the_api_server_sends_it() -> None:
    metadata = {
        "name": "shop",
        "namespace": "shop",
        "uid": "0e9b",
        "generation": 3,
        "resourceVersion": "17",
        "deletionTimestamp": "2026-01-02T03:04:05Z",
        "finalizers": ["gitops.dev/cleanup"],
        "annotations": {"gitops.dev/approve": "abc"},
        "managedFields": [{"manager": "kubectl"}],
    }
    read = Application.parse(document(metadata=metadata)).metadata
    assert (read.generation, read.resource_version, read.finalizers) == (3, "17", ("gitops.dev/cleanup",))
    assert read.deletion_timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read.annotations["gitops.dev/approve"] == "abc"


def test_status_fields_of_a_newer_controller_are_ignored() -> None:
    status = {"renderKey": "k", "waves": [1, 2], "revision": {"applied": "a" * 40, "signedBy": "x"}}
    read = Application.parse(document(status=status)).status
    assert read.render_key == "k"
    assert read.revision is not None
    assert read.revision.applied == "a" * 40


def test_a_status_that_cannot_be_read_counts_as_none_and_does_not_stop_the_application() -> None:
    read = Application.parse(document(status={"renderKey": "k", "objects": "many"}))
    assert read.status == Status()
    assert read.spec.source.repository == "https://git.example.com/shop.git"


def test_a_status_is_written_as_kubernetes_writes_it_and_reads_back_the_same() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    ready = Condition(
        type=ConditionType.READY, status="True", reason="Succeeded", message="", last_transition_time=moment
    )
    status = Status(
        observed_generation=2,
        conditions=(ready,),
        revision=Revision(applied="0123456789" * 4, applied_at=moment),
    )
    written = status.to_json()
    assert written["conditions"][0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert written["revision"] == {
        "applied": "0123456789" * 4,
        "appliedAt": "2026-01-02T03:04:05Z",
        "short": "0123456",
    }
    assert "fingerprint" not in written
    again = Application.parse(document(status=written)).status
    assert again.to_json() == written
    assert again.condition(ConditionType.READY) is not None
    assert again.condition(ConditionType.STALLED) is None


def test_a_message_without_end_is_cut_so_that_the_status_is_accepted() -> None:
    problem = ProblemReport(reason="AdmissionDenied", message="x" * 100_000)
    assert len(problem.message) == 1024
    assert problem.message.endswith("…")
