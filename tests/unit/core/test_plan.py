"""The plan: what happens to each object, and what never happens to any."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.core.adoption import AdoptPolicy
from gitops.core.directives import Directives, PruneMode
from gitops.core.identity import Owner
from gitops.core.inventory import Absent, Inventory, Membership, Unreadable
from gitops.core.model import ObjectKey
from gitops.core.plan import (
    Drift,
    Plan,
    Policy,
    Verb,
    Wanted,
    plan,
    problems_of,
    to_dry_run,
    to_look_at,
)
from gitops.core.problem import Blame, Problem, Reason
from gitops.core.prune import PruneLimit, PrunePolicy
from tests.unit.core.support import (
    CAFE,
    SHOP,
    Toy,
    entry,
    key,
    live,
    marks,
    member,
    situation,
    wanted,
)

A, B = key("a"), key("b")
DOWN = Problem(Reason.UNREADABLE, "can't be read", Blame.NETWORK, key=A)
GENEROUS = Policy(prune=PrunePolicy(limit=PruneLimit(100, 10**6)))


def verbs(found: Plan) -> list[tuple[Verb, str]]:
    return [(step.verb, step.key.name) for step in (*found.steps, *found.prunes)]


def test_a_desired_object_that_is_absent_is_created() -> None:
    assert verbs(plan(situation([wanted(A)], looks={A: Absent()}))) == [(Verb.CREATE, "a")]


def test_a_member_in_sync_needs_no_step() -> None:
    assert verbs(plan(situation([wanted(A)], [member(A)]))) == []


def test_a_member_with_other_content_is_updated_in_the_state_that_was_seen() -> None:
    (step,) = plan(situation([wanted(A, "new")], [member(A)])).steps
    assert (step.verb, step.content, step.uid, step.resource_version) == (
        Verb.UPDATE,
        "new",
        f"uid-of-{A}",
        "1",
    )


def test_a_member_that_left_git_is_deleted_in_the_state_that_was_seen() -> None:
    (step,) = plan(situation([wanted(B)], [member(A), member(B)])).prunes
    assert (step.verb, step.uid, step.resource_version) == (Verb.DELETE, f"uid-of-{A}", "1")


def test_an_object_that_can_not_be_read_is_refused_and_not_created() -> None:
    found = plan(situation([wanted(A)], looks={A: Unreadable(DOWN)}))
    assert verbs(found) == [(Verb.REFUSE, "a")]
    assert list(problems_of(found)) == [DOWN]


def test_an_object_that_nobody_looked_at_is_refused_and_not_created() -> None:
    assert verbs(plan(situation([wanted(A)]))) == [(Verb.REFUSE, "a")]


def test_an_object_made_by_hand_is_adopted_with_the_fields_of_its_maker() -> None:
    by_hand = live(A, managedFields=[entry("kubectl-create", "Update")])
    (step,) = plan(situation([wanted(A)], looks={A: by_hand})).steps
    assert (step.verb, step.take) == (Verb.ADOPT, ("kubectl-create",))


def test_an_object_of_a_living_application_is_refused() -> None:
    found = plan(situation([wanted(A)], looks={A: live(A, marks(A, CAFE))}))
    assert verbs(found) == [(Verb.REFUSE, "a")]
    (problem,) = problems_of(found)
    assert problem.reason is Reason.OWNED_BY_ANOTHER
    assert "team-b/cafe" in problem.message


@pytest.mark.parametrize("lost", ["labels", "managedFields"])
def test_a_damaged_object_that_is_desired_is_repaired(lost: str) -> None:
    damaged = live(A, marks(A) | {lost: None})
    assert damaged.observed.membership(SHOP) is Membership.DAMAGED
    assert verbs(plan(situation([wanted(A)], looks={A: damaged}))) == [(Verb.REPAIR, "a")]


def test_an_object_that_is_being_deleted_is_waited_for() -> None:
    going = replace(member(A), deleting=True, finalizers=("example.com/hold",))
    found = plan(situation([wanted(A, "new")], [going]))
    assert verbs(found) == [(Verb.REFUSE, "a")]
    (problem,) = problems_of(found)
    assert problem.reason is Reason.WAITING
    assert "example.com/hold" in problem.message


def test_an_object_that_left_git_and_is_being_deleted_needs_no_step() -> None:
    assert verbs(plan(situation([wanted(B)], [member(B), replace(member(A), deleting=True)]))) == []


def test_a_look_is_believed_more_than_the_watch() -> None:
    found = plan(situation([wanted(A, "new")], [member(A)], {A: Absent()}))
    assert verbs(found) == [(Verb.CREATE, "a")]


@pytest.mark.parametrize(
    ("drift", "step"),
    [
        (Drift(A, ("/data/k",), author="kubectl"), [(Verb.HEAL, "a")]),
        (Drift(A, reclaim=True), [(Verb.HEAL, "a")]),
        (Drift(A), []),
        (Drift(A, problem=DOWN), [(Verb.REFUSE, "a")]),
    ],
)
def test_drift_is_healed(drift: Drift, step: list[tuple[Verb, str]]) -> None:
    assert verbs(plan(situation([wanted(A)], [member(A)], drifts={A: drift}))) == step


def test_a_heal_says_what_drifted_and_who_did_it() -> None:
    drift = Drift(A, ("/data/k",), author="kubectl-edit")
    (step,) = plan(situation([wanted(A)], [member(A)], drifts={A: drift})).steps
    assert step.why == "drifted: /data/k (by kubectl-edit)"


@pytest.mark.parametrize(
    ("seen", "content", "more", "dry_run"),
    [
        (member(A), "content", {}, False),
        (member(A), "content", {"baseline": {A: "another digest"}}, True),
        (member(A), "content", {"baseline": {}}, True),
        (member(A), "content", {"suspects": frozenset({A})}, True),
        (member(A), "new", {"baseline": {}}, False),
        (replace(member(A), deleting=True), "content", {"baseline": {}}, False),
        (member(A, CAFE), "content", {"baseline": {}}, False),
    ],
)
def test_a_member_is_dry_run_when_its_digest_is_not_the_one_we_left(
    seen: Any, content: str, more: dict[str, Any], dry_run: bool
) -> None:
    assert to_dry_run(situation([wanted(A, content)], [seen], **more)) == ([A] if dry_run else [])


def test_only_what_the_watches_do_not_tell_is_looked_at() -> None:
    copied = live(key("copy"), marks(B)).observed
    known = {A: member(A), key("copy"): copied}
    desired = {one: wanted(one) for one in (A, B, key("copy"))}
    assert to_look_at(desired, SHOP, Inventory(known)) == [B, key("copy")]


def test_a_member_of_a_kind_that_can_not_be_read_is_not_deleted_for_it() -> None:
    """The list of a kind failed: its members are missing from the inventory, nothing else follows."""
    given_ = situation([wanted(A)], looks={A: Unreadable(DOWN)})
    found = plan(replace(given_, inventory=replace(given_.inventory, unreadable={A.group_kind: DOWN})))
    assert not found.acts


def test_a_desired_object_whose_kind_is_unknown_now_is_not_deleted() -> None:
    unknown = Problem(Reason.UNKNOWN_KIND, "?", Blame.CLUSTER, key=A._replace(namespace=""))
    found = plan(situation([wanted(B)], [member(A), member(B)], unplannable=(unknown,)))
    assert verbs(found) == []
    assert list(problems_of(found)) == [unknown]


def test_the_same_object_under_another_group_is_not_deleted() -> None:
    """Events are served by two groups; an apply to one and a delete of the other hit the same object."""
    old = key("e", "Event")
    new = key("e", "Event", "events.k8s.io")
    seen = member(old)
    also = live(new, {**marks(old), "uid": seen.uid})
    found = plan(situation([wanted(new)], [seen], {new: also}))
    assert verbs(found) == [(Verb.ADOPT, "e"), (Verb.KEEP, "e")]


def test_steps_go_by_wave_then_by_kind_then_by_name() -> None:
    order = [
        wanted(key("n", "Namespace", namespace="")),
        wanted(key("r", "ClusterRole", "rbac.authorization.k8s.io", "")),
        wanted(key("sa", "ServiceAccount")),
        wanted(A),
        wanted(B),
        wanted(key("w", "Widget", "example.com")),
        wanted(key("d", "Deployment", "apps")),
        wanted(key("i", "Ingress", "networking.k8s.io")),
        wanted(key("v", "ValidatingWebhookConfiguration", "admissionregistration.k8s.io", "")),
        wanted(key("late"), directives=Directives(wave=1)),
    ]
    found = plan(situation(reversed(order), looks={one.key: Absent() for one in order}))
    assert [step.key for step in found.steps] == [one.key for one in order]
    assert [len(stage) for stage in found.stages()] == [1, 1, 1, 2, 1, 1, 1, 1, 1]


def test_prunes_go_the_other_way() -> None:
    gone = [member(A), member(key("d", "Deployment", "apps")), member(key("sa", "ServiceAccount"))]
    found = plan(situation([wanted(B)], [*gone, member(B)], policy=GENEROUS))
    assert [step.key.kind for step in found.prunes] == ["Deployment", "ConfigMap", "ServiceAccount"]


def test_a_revision_that_lost_its_namespace_deletes_nothing() -> None:
    elsewhere = key("a", namespace="elsewhere")
    found = plan(situation([wanted(elsewhere)], [member(A)], {elsewhere: Absent()}))
    assert verbs(found) == [(Verb.CREATE, "a"), (Verb.KEEP, "a")]
    assert [problem.reason for problem in problems_of(found)] == [Reason.PRUNE_REFUSED]


def test_an_empty_revision_of_a_new_application_is_said_to_be_empty() -> None:
    assert [problem.reason for problem in problems_of(plan(situation([])))] == [Reason.EMPTY_RENDER]


def test_an_empty_revision_deletes_nothing() -> None:
    found = plan(situation([], [member(A)]))
    assert verbs(found) == [(Verb.KEEP, "a")]
    assert [problem.reason for problem in problems_of(found)] == [Reason.PRUNE_REFUSED]


def test_an_empty_revision_that_was_approved_deletes() -> None:
    policy = Policy(prune=PrunePolicy(approved=True))
    assert verbs(plan(situation([], [member(A)], policy=policy))) == [(Verb.DELETE, "a")]


def test_a_plan_that_is_refused_as_a_whole_still_applies_the_rest() -> None:
    gone = [member(key(f"x{index}")) for index in range(11)]
    found = plan(situation([wanted(A)], gone, {A: Absent()}))
    assert [step.verb for step in found.steps] == [Verb.CREATE]
    assert {step.verb for step in found.prunes} == {Verb.KEEP}


# Properties, on a toy cluster of a few names, so that everything collides with everything.

NAMES = st.sampled_from("abcdef")
KINDS = st.sampled_from([("", "ConfigMap"), ("apps", "Deployment"), ("", "PersistentVolumeClaim")])
KEYS = st.builds(lambda name, kind: ObjectKey(kind[0], kind[1], "shop", name), NAMES, KINDS)
CONTENTS = st.sampled_from(["one", "two"])
STATES = st.sampled_from(
    [
        "member",
        "copy",
        "unlabelled",
        "unmanaged",
        "owned",
        "by hand",
        "of another",
        "of a dead one",
        "Argo CD",
    ]
)
WORLD = st.dictionaries(KEYS, st.tuples(STATES, CONTENTS), max_size=12)
DESIRED = st.dictionaries(KEYS, CONTENTS, max_size=12)
POLICIES = st.builds(
    lambda adopt, mode, approved: Policy(adopt, PrunePolicy(mode, PruneLimit(100, 1000), approved)),
    st.sampled_from(AdoptPolicy),
    st.sampled_from(PruneMode),
    st.booleans(),
)
GONE = Owner("team-c", "gone", "uid-of-gone")


def metadata_of(at: ObjectKey, state: str, content: str) -> dict[str, Any]:
    ours = marks(at, SHOP, content)
    by_state: dict[str, dict[str, Any]] = {
        "member": ours,
        "copy": {**marks(at._replace(name="original"), SHOP, content)},
        "unlabelled": {**ours, "labels": {}},
        "unmanaged": {**ours, "managedFields": []},
        "owned": {**ours, "ownerReferences": [{"uid": "somebody", "kind": "X", "name": "x"}]},
        "by hand": {"managedFields": [entry("kubectl", "Update")]},
        "of another": marks(at, CAFE, content),
        "of a dead one": marks(at, GONE, content),
        "Argo CD": {"annotations": {"argocd.argoproj.io/tracking-id": "x:y"}},
    }
    return by_state[state]


def toy(world: dict[ObjectKey, tuple[str, str]]) -> Toy:
    built = Toy()
    for at, (state, content) in world.items():
        built.put(at, metadata_of(at, state, content))
    return built


def desire(desired: dict[ObjectKey, str]) -> dict[ObjectKey, Wanted]:
    return {at: wanted(at, content) for at, content in desired.items()}


@given(WORLD, DESIRED, POLICIES)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], policy: Policy
) -> None:
    cluster = toy(world)
    goal = desire(desired)
    cluster.carry_out(plan(cluster.situation(goal, policy)))
    assert not plan(cluster.situation(goal, policy)).acts


@given(WORLD, DESIRED, POLICIES)
def test_what_is_desired_is_never_deleted(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], policy: Policy
) -> None:
    found = plan(toy(world).situation(desire(desired), policy))
    deleted = {step.key for step in found.prunes if step.verb is Verb.DELETE}
    assert not deleted & desired.keys()


@given(WORLD, DESIRED, POLICIES)
def test_what_is_not_a_member_is_never_deleted(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], policy: Policy
) -> None:
    found = plan(toy(world).situation(desire(desired), policy))
    for step in (*found.steps, *found.prunes):
        if step.verb is Verb.DELETE:
            assert world[step.key][0] == "member"


@given(WORLD, DESIRED, POLICIES)
def test_what_a_living_application_owns_is_never_written(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], policy: Policy
) -> None:
    for step in plan(toy(world).situation(desire(desired), policy)).steps:
        if step.acts and step.key in world:
            assert world[step.key][0] != "of another"


@given(WORLD, DESIRED, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_what_is_found_does_not_matter(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], policy: Policy, random: Any
) -> None:
    cluster = toy(world)
    given_ = cluster.situation(desire(desired), policy)

    def shuffled(found: Any) -> dict[Any, Any]:
        items = list(found.items())
        random.shuffle(items)
        return dict(items)

    inventory = Inventory(shuffled(given_.inventory.members), shuffled(given_.inventory.looks))
    other = replace(given_, wanted=shuffled(given_.wanted), inventory=inventory)
    assert plan(other) == plan(given_)


@given(WORLD, DESIRED, st.sets(KEYS))
def test_an_object_that_can_not_be_read_is_never_written_or_deleted(
    world: dict[ObjectKey, tuple[str, str]], desired: dict[ObjectKey, str], unread: set[ObjectKey]
) -> None:
    """Neither is it created: unreadable is not absent."""
    given_ = toy(world).situation(desire(desired), GENEROUS)
    members = {at: one for at, one in given_.inventory.members.items() if at not in unread}
    looks = {at: Unreadable(DOWN) if at in unread else look for at, look in given_.inventory.looks.items()}
    looks |= {at: Unreadable(DOWN) for at in unread & desired.keys()}
    found = plan(replace(given_, inventory=Inventory(members, looks)))
    acting = {step.key for step in (*found.steps, *found.prunes) if step.acts}
    assert not acting & unread


@settings(max_examples=50)
@given(WORLD, DESIRED, DESIRED)
def test_a_plan_follows_from_what_is_true_and_not_from_the_way_there(
    world: dict[ObjectKey, tuple[str, str]], detour: dict[ObjectKey, str], desired: dict[ObjectKey, str]
) -> None:
    """A detour over another revision ends where the direct way ends, for what Git wants."""
    direct, around = toy(world), toy(world)
    around.carry_out(plan(around.situation(desire(detour), GENEROUS)))
    for cluster in (direct, around):
        cluster.carry_out(plan(cluster.situation(desire(desired), GENEROUS)))
    for at, content in desired.items():
        in_sync = [
            cluster.live(at).observed.content == content
            for cluster in (direct, around)
            if at in cluster.objects
        ]
        assert in_sync.count(True) in (0, len(in_sync))
