"""The gate of a sync: what may be deployed follows from what is true, in whatever order it came about."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gitops.core.directives import ApplyMode, Directives
from gitops.core.health import Health, HealthState, degraded, progressing
from gitops.core.hook_annotations import Hook, HookPhase, Occasion
from gitops.core.hooks import HookResult, HookState, WantedHook
from gitops.core.inventory import Observed
from gitops.core.model import ObjectKey
from gitops.core.plan import Step, Verb, Wanted
from gitops.core.problem import Reason
from gitops.core.waves import Gate, Syncing, effective, first_to_go, gate, order_of, prunable
from tests.unit.core.support import SHOP, key, member, wanted

A, B, C = key("a"), key("b"), key("c")


def want(at: ObjectKey, wave: int = 0, content: str = "content", *needs: ObjectKey) -> Wanted:
    return wanted(at, content, directives=Directives(wave=wave, depends_on=needs))


def hook(name: str, phase: HookPhase, wave: int = 0) -> WantedHook:
    return WantedHook(key(name, "Job", "batch"), "batch/v1", "c", "hooks.yaml", wave, Hook((phase,)))


def sync(
    *objects: Wanted,
    hooks: tuple[WantedHook, ...] = (),
    members: Mapping[ObjectKey, Observed] | None = None,
    results: tuple[HookResult, ...] = (),
    failing: bool = False,
) -> Syncing:
    desired = {one.key: one for one in objects}
    return Syncing(
        owner=SHOP,
        wanted=desired,
        order=order_of(desired, hooks),
        hooks=hooks,
        members=members or {},
        present=(),
        run="run-1",
        occasion=Occasion.UPGRADE,
        results={(one.phase, one.base): one for one in results},
        failing=failing,
    )


def there(
    *keys: ObjectKey, health: Health | None = None, content: str = "content"
) -> dict[ObjectKey, Observed]:
    found = {at: replace(member(at), content=content) for at in keys}
    return {at: replace(seen, health=health) for at, seen in found.items()} if health else found


def ended(one: WantedHook, state: HookState = HookState.SUCCEEDED, message: str = "") -> HookResult:
    return HookResult(one.hook.phases[0], one.key, one.key, "run-1", state, message=message)


def started(found: Gate) -> list[str]:
    return [one.wanted.key.name for one in found.start]


def test_objects_without_any_order_all_go_at_once() -> None:
    found = gate(sync(want(A), want(B)))
    assert not found.held
    assert found.finished


def test_a_wave_waits_for_all_before_it() -> None:
    three = (want(A), want(B, 1), want(C, 2))
    assert gate(sync(*three)).held == {B, C}
    assert gate(sync(*three, members=there(A))).held == {C}
    assert gate(sync(*three, members=there(A, B))).held == set()
    found = gate(sync(*three, members=there(A, B, C)))
    assert found.applied
    assert found.finished


def test_a_wave_waits_for_health_and_says_for_whose() -> None:
    members = there(A, health=progressing("1 of 2 replicas"))
    found = gate(sync(want(A), want(B, 1), members=members))
    assert found.held == {B}
    assert found.waits == f"wave 0 (1 of 2): {A}: Progressing: 1 of 2 replicas"


def test_health_that_is_to_be_ignored_or_suspended_holds_nothing_up() -> None:
    sick = there(A, health=degraded("broken"))
    careless = replace(want(A), directives=Directives(ignore_health=True))
    assert gate(sync(careless, want(B, 1), members=sick)).held == set()
    paused = there(A, health=Health(HealthState.SUSPENDED))
    assert gate(sync(want(A), want(B, 1), members=paused)).held == set()


def test_an_object_of_an_older_revision_keeps_the_next_wave_waiting() -> None:
    assert gate(sync(want(A, 0, "new"), want(B, 1), members=there(A))).held == {B}


def test_what_is_made_only_once_is_settled_when_it_is_there() -> None:
    once = replace(want(A), directives=Directives(apply=ApplyMode.IF_NOT_PRESENT))
    assert gate(sync(once, want(B, 1))).held == {B}
    assert gate(sync(once, want(B, 1), members=there(A, content="of old"))).held == set()
    assert gate(replace(sync(once, want(B, 1)), present={A})).held == set()


def test_a_dependency_comes_first_within_a_wave() -> None:
    pair = (want(A, 0, "content", B), want(B))
    assert gate(sync(*pair)).held == {A}
    assert gate(sync(*pair, members=there(B))).held == set()


def test_a_circle_is_printed_and_holds_only_itself() -> None:
    order = order_of({one.key: one for one in (want(A, 0, "c", B), want(B, 0, "c", A), want(C))}, ())
    assert set(order.blocked) == {A, B}
    assert order.blocked[A].reason is Reason.DEPENDENCY_CYCLE
    assert f"{A} → {B} → {A}" in order.blocked[A].message


def test_a_dependency_that_is_missing_or_of_a_later_wave_is_refused() -> None:
    missing = order_of({A: want(A, 0, "c", B)}, ())
    assert missing.blocked[A].reason is Reason.DEPENDENCY_NOT_FOUND
    late = order_of({A: want(A, 0, "c", B), B: want(B, 1)}, ())
    assert late.blocked[A].reason is Reason.DEPENDENCY_CYCLE
    assert set(late.blocked) == {A}


def test_hooks_before_hold_everything_till_they_succeeded() -> None:
    first = hook("first", HookPhase.PRE_SYNC)
    found = gate(sync(want(A), hooks=(first,)))
    assert started(found) == ["first"]
    assert found.held == {A}
    running = gate(sync(want(A), hooks=(first,), results=(ended(first, HookState.RUNNING),)))
    assert not running.start
    assert running.held == {A}
    assert gate(sync(want(A), hooks=(first,), results=(ended(first),))).held == set()


def test_hooks_of_a_phase_run_by_weight() -> None:
    light, heavy = hook("z-light", HookPhase.PRE_SYNC, -1), hook("a-heavy", HookPhase.PRE_SYNC, 1)
    assert started(gate(sync(want(A), hooks=(heavy, light)))) == ["z-light"]
    assert started(gate(sync(want(A), hooks=(heavy, light), results=(ended(light),)))) == ["a-heavy"]


def test_hooks_after_wait_for_the_last_wave() -> None:
    last = hook("last", HookPhase.POST_SYNC)
    assert not gate(sync(want(A), hooks=(last,))).start
    found = gate(sync(want(A), hooks=(last,), members=there(A)))
    assert started(found) == ["last"]
    assert found.applied
    assert not found.finished
    assert gate(sync(want(A), hooks=(last,), members=there(A), results=(ended(last),))).finished


def test_a_hook_amid_a_sync_belongs_to_its_wave() -> None:
    amid = hook("amid", HookPhase.SYNC, 1)
    assert not gate(sync(want(A), want(B, 2), hooks=(amid,))).start
    found = gate(sync(want(A), want(B, 2), hooks=(amid,), members=there(A)))
    assert started(found) == ["amid"]
    assert found.held == {B}


def test_a_failed_hook_holds_everything_and_starts_those_for_a_failure() -> None:
    first, alarm = hook("first", HookPhase.PRE_SYNC), hook("alarm", HookPhase.SYNC_FAIL)
    result = ended(first, HookState.FAILED, "exit code 1")
    found = gate(sync(want(A), hooks=(first, alarm), results=(result,)))
    assert found.failed == (result,)
    assert found.held == {A}
    assert started(found) == ["alarm"]


def test_a_sync_that_cannot_go_on_starts_the_hooks_for_a_failure() -> None:
    alarm = hook("alarm", HookPhase.SYNC_FAIL)
    assert not gate(sync(want(A), hooks=(alarm,))).start
    assert started(gate(sync(want(A), hooks=(alarm,), failing=True))) == ["alarm"]


def test_what_waits_heals_to_the_render_whose_content_it_carries() -> None:
    before = ({A: want(A, 0, "older")}, {A: want(A, 0, "oldest"), B: want(B, 0, "oldest")})
    todo = sync(want(A, 1, "new"), want(B, 1, "new"), want(C, 1, "new"), members=there(A, content="oldest"))
    now, earlier = effective(todo, {A, B, C}, before)
    assert now[A].content == "oldest"
    assert now[B].content == "oldest"  # it is gone: made again as the newest that had it
    assert C not in now
    assert earlier == {A: 1, B: 1}


def test_what_waits_and_is_as_wanted_already_is_healed_as_wanted() -> None:
    now, earlier = effective(sync(want(A, 1), members=there(A)), {A}, ({A: want(A, 0, "old")},))
    assert now[A].content == "content"
    assert not earlier


def test_of_what_leaves_the_last_wave_and_dependents_go_first() -> None:
    def leaving(at: ObjectKey, wave: int = 0, *needs: ObjectKey) -> Observed:
        return replace(member(at), directives=Directives(wave=wave, depends_on=needs))

    assert first_to_go([leaving(A), leaving(B, 1)]) == {B}
    assert first_to_go([leaving(A), leaving(B, 0, A)]) == {B}
    assert first_to_go([leaving(A, 0, B), leaving(B, 0, A)]) == {A, B}
    steps = [Step(Verb.DELETE, A, ""), Step(Verb.KEEP, C, "")]
    gone_soon = replace(leaving(B, 1), deleting=True)
    assert prunable(steps, [leaving(A), gone_soon, leaving(C, 2)]) == []
    assert [step.key for step in prunable(steps, [leaving(A), leaving(C, 2)])] == [A]


@given(st.lists(st.integers(-2, 2), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_sync_reaches_its_end_and_never_skips_a_wave(waves: list[int], random: object) -> None:
    objects = [want(key(f"o{number}"), wave) for number, wave in enumerate(waves)]
    members: dict[ObjectKey, Observed] = {}
    for _ in range(len(objects) + 1):
        found = gate(sync(*objects, members=members))
        due = [one for one in objects if one.key not in found.held and one.key not in members]
        if not due:
            break
        lowest = min(one.directives.wave for one in objects if one.key not in members)
        assert all(one.directives.wave == lowest for one in due) or len({*waves}) == 1
        members |= there(due[0].key)
    assert gate(sync(*objects, members=members)).finished
