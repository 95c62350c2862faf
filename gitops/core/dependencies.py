"""Dependencies between Applications: what a new revision waits for, and which of them can't be met."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gitops.core.health import Health, HealthState
from gitops.core.problem import Blame, Problem, Reason, fail

Name: TypeAlias = tuple[str, str]  # namespace, name of an Application

_WHERE = "spec.dependsOn"
_LONGEST = 400  # characters of a dependency's own message


def holds_back(problem: Problem) -> bool:
    """Whether it keeps a new revision from being synced, while what is applied is healed and pruned."""
    return problem.where == _WHERE


@dataclass(frozen=True, slots=True)
class Standing:
    """How an Application stands, as those see it that depend on it."""

    ready: bool
    reason: str
    message: str
    sha: str = ""  # the newest commit that this is known for; empty: none yet


@dataclass(frozen=True, slots=True)
class Peer:
    """One that is depended on. `follows` are its repository and revision, as its spec names them."""

    name: Name
    follows: tuple[str, str]
    standing: Standing


def faults(
    app: Name,
    needs: Callable[[Name], Iterable[Name]],
    exists: Callable[[Name], bool],
    *,
    home: str,
) -> Iterator[Problem]:
    """What is wrong with an Application's dependencies, whatever their state is.

    Args:
        app: the Application.
        needs: the direct dependencies of any Application; empty for one that isn't there.
        exists: whether there is an Application of this name.
        home: the controller's namespace.
    """
    circle = cycle(app, lambda one: [other for other in needs(one) if may_depend(one, other, home)])
    if circle:
        yield Problem(
            Reason.DEPENDENCY_CYCLE,
            f"Applications depend on each other in a circle: {' → '.join(_shown(one) for one in circle)}",
            Blame.SPEC,
            _WHERE,
            "remove one of these dependencies",
        )
    for one in dict.fromkeys(needs(app)):
        if not may_depend(app, one, home):
            yield Problem(
                Reason.DEPENDENCY_NOT_ALLOWED,
                f"may not depend on the Application {_shown(one)} of another namespace",
                Blame.SPEC,
                _WHERE,
                "only Applications of the controller's own namespace may depend on those of others",
            )
        elif not exists(one):
            yield Problem(
                Reason.DEPENDENCY_NOT_FOUND,
                f"there is no Application {_shown(one)}",
                Blame.SPEC,
                _WHERE,
                "create it, or correct the name; it goes on by itself then",
            )


def may_depend(app: Name, on: Name, home: str) -> bool:
    """Whether an Application may be told how another one stands: another team's is none of its business."""
    return app[0] in (home, on[0])


def cycle(app: Name, needs: Callable[[Name], Iterable[Name]]) -> tuple[Name, ...]:
    """The shortest way from an Application over its dependencies back to itself; empty if there is none."""
    came_from: dict[Name, Name] = {}
    queue = deque([app])
    while queue:
        here = queue.popleft()
        for there in needs(here):
            if there == app:
                way = [app, here]
                while way[-1] != app:
                    way.append(came_from[way[-1]])
                return (*reversed(way[1:]), app)
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return ()


def waits(peers: Iterable[Peer], follows: tuple[str, str], sha: str) -> Iterator[Problem]:
    """What the commit `sha` of an Application that follows `follows` waits for.

    One that follows the same revision of the same repository has to be ready at the same commit,
    so that one commit rolls out in order.
    """
    for peer in peers:
        standing = peer.standing
        if not standing.ready:
            said = f"is not ready ({standing.reason}: {_clipped(standing.message)})"
        elif peer.follows == follows and standing.sha != sha:
            said = f"has not got to commit {sha[:7]} yet"
            if standing.reason == Reason.HELD:
                said += f" ({_clipped(standing.message)})"
        else:
            continue
        yield Problem(
            Reason.DEPENDENCY_NOT_READY,
            f"commit {sha[:7]} waits for the Application {_shown(peer.name)}, which {said}",
            Blame.CLUSTER,
            _WHERE,
            "it goes on by itself",
        )


def readiness_of(health: Health, expression: str, where: str) -> Standing:
    """What the answer to an expression means; raises GitopsError INVALID_EXPRESSION if it has none."""
    if health.state is HealthState.HEALTHY:
        return Standing(True, Reason.SUCCEEDED, "")
    if health.state is HealthState.UNKNOWN:
        raise fail(
            Reason.INVALID_EXPRESSION,
            health.message,
            Blame.SPEC,
            where=where,
            advice="correct the expression; it reads metadata, spec, status, conditions and object",
        )
    return Standing(False, Reason.PROGRESSING, f"{expression} is not true")


def _shown(name: Name) -> str:
    return "/".join(name)


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
