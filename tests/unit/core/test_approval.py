"""What an approval is for: the plan that somebody saw, without heals and resource versions."""

import pytest

from gitops.core.approval import Proposal, approves, proposal_of
from gitops.core.hook_annotations import Hook, HookPhase
from gitops.core.hooks import WantedHook
from gitops.core.model import ObjectKey
from gitops.core.plan import Plan, Step, Verb

A = ObjectKey("", "ConfigMap", "shop", "a")
B = ObjectKey("", "ConfigMap", "shop", "b")
SHA = "0123456789abcdef0123456789abcdef01234567"


def step(verb: Verb, key: ObjectKey = A, content: str = "one", version: str = "1") -> Step:
    return Step(verb, key, "why", content=content, uid="u", resource_version=version)


def propose(*steps: Step, prunes: tuple[Step, ...] = (), deployed: bool = False) -> Proposal | None:
    return proposal_of(Plan(steps, prunes), (), deployed=deployed)


def digest(*steps: Step, prunes: tuple[Step, ...] = ()) -> str:
    found = propose(*steps, prunes=prunes)
    assert found
    return found.digest


def test_an_approval_is_for_what_was_seen_and_not_for_its_resource_versions() -> None:
    seen = digest(step(Verb.UPDATE))
    assert digest(step(Verb.UPDATE, version="2")) == seen
    assert digest(step(Verb.UPDATE), step(Verb.HEAL, B)) == seen
    assert digest(step(Verb.UPDATE), step(Verb.REPAIR, B), step(Verb.KEEP, B)) == seen
    others = (
        digest(step(Verb.UPDATE, content="two")),
        digest(step(Verb.UPDATE, B)),
        digest(step(Verb.CREATE)),
        digest(step(Verb.UPDATE), prunes=(step(Verb.DELETE, B),)),
    )
    assert len({seen, *others}) == 5


def test_heals_need_no_approval() -> None:
    assert propose(step(Verb.HEAL), step(Verb.REPAIR, B)) is None


def test_once_deployed_only_deletions_need_one() -> None:
    assert propose(step(Verb.CREATE), step(Verb.UPDATE, B), deployed=True) is None
    found = propose(step(Verb.CREATE), prunes=(step(Verb.DELETE, B),), deployed=True)
    assert str(found) == "1 to prune"


def test_a_hook_needs_one() -> None:
    hook = WantedHook(A, "v1", "content", "a.yaml:1", 0, Hook(phases=(HookPhase.PRE_SYNC,)))
    found = proposal_of(Plan(()), (hook,), deployed=False)
    assert str(found) == "1 hook to run"
    assert proposal_of(Plan(()), (hook,), deployed=True) is None


@pytest.mark.parametrize(
    ("annotation", "approved"),
    [
        ("abcdefghijklmnopqrstuvwxyz", True),
        ("abcdefg", True),
        (" abcdefgh ", True),
        ("abcdef", False),
        ("", False),
        (SHA, True),
        (SHA[:7], True),
        (SHA[:6], False),
        ("bcdefghi", False),
    ],
)
def test_what_approves(annotation: str, approved: bool) -> None:
    assert approves(annotation, Proposal("abcdefghijklmnopqrstuvwxyz", {}), SHA) is approved
