"""`gitops why`: what keeps an Application or an object from being healthy, the root cause first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops.api.application import Application
from gitops.cli.applications import find
from gitops.cli.look import Screen, plain, style_of
from gitops.cli.naming import resolve
from gitops.cli.options import Exit, Output
from gitops.core.applyset import kinds_of, namespaces_of
from gitops.core.health import HEALTHY, Health, HealthState, assess
from gitops.core.identity import applyset_id
from gitops.core.model import GroupKind, ObjectKey
from gitops.core.resources import APPLICATIONS, Catalog
from gitops.core.why.applications import causes_of_application
from gitops.core.why.diagnose import diagnose
from gitops.core.why.model import Cause, Depth, World
from gitops.kube.client import Access, Client
from gitops.kube.contexts import context_namespace
from gitops.kube.discovery import discover
from gitops.kube.why import gather, members_in_trouble
from gitops.observe.redaction import Redactor

_SHOWN = 5  # causes; the others are counted
_NAMED = 3  # siblings
_REDACTOR = Redactor()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told of one question."""

    key: ObjectKey
    health: Health
    causes: tuple[Cause, ...]
    looked_at: tuple[str, ...]  # kinds that were read
    unreadable: Mapping[GroupKind, str]


async def run(name: str, *, access: Access, namespace: str | None, output: Output, color: bool) -> int:
    """Print the answer."""
    client = await Client.connect(access)
    try:
        catalog = await discover(client)
        key = await resolve(client, catalog, name, namespace or context_namespace(access))
        if key.group_kind == APPLICATIONS.group_kind:
            answer = await _of_application(client, catalog, access, key)
        else:
            world = await gather(client, catalog, [key], logs=True)
            answer = _answer(key, _health(key, world), diagnose([key], world), world)
    finally:
        await client.close()
    if output is Output.TEXT:
        print("\n".join(text(answer, Screen.here(color=color))))
    else:
        from gitops.cli.terminal import print_data

        print_data(as_data(answer), output)
    return Exit.DONE


def _health(key: ObjectKey, world: World) -> Health:
    """What could not be read is not known to be well."""
    obj = world.objects.get(key)
    if obj is not None:
        return assess(obj)
    why = world.unreadable.get(key.group_kind, "it is gone")
    return Health(HealthState.UNKNOWN, f"it could not be read: {why}")


async def _of_application(client: Client, catalog: Catalog, access: Access, key: ObjectKey) -> Answer:
    """What keeps the Application itself comes first: it says why objects are not as Git wants them."""
    app = await find(client, access, f"{key.namespace}/{key.name}", None)
    identity = applyset_id(app.metadata.namespace, app.metadata.name)
    kinds = [one for kind in sorted(kinds_of(app.metadata)) if (one := catalog.preferred(kind))]
    trouble, unreadable = await members_in_trouble(client, identity, kinds, namespaces_of(app.metadata))
    world = await gather(client, catalog, trouble, logs=True, known=trouble)
    own = causes_of_application(app, world)
    roots = tuple(one for one in own if one.depth is Depth.ROOT)
    causes = (*roots, *diagnose(trouble, world))
    found = _answer(key, _health_of(app), causes or own, world)
    return Answer(found.key, found.health, found.causes, found.looked_at, {**unreadable, **found.unreadable})


def _health_of(app: Application) -> Health:
    for condition in app.status.conditions:
        if condition.type in ("Healthy", "Ready") and condition.status != "True":
            state = condition.reason if condition.reason in list(HealthState) else HealthState.DEGRADED
            return Health(HealthState(state), condition.message)
    return HEALTHY


def _answer(key: ObjectKey, health: Health, causes: tuple[Cause, ...], world: World) -> Answer:
    read = sorted({str(kind) for kind, _ in world.read} | {str(one.group_kind) for one in world.objects})
    return Answer(key, health, causes, tuple(read), world.unreadable)


def text(answer: Answer, screen: Screen) -> list[str]:
    """The answer for people: the root cause in a sentence, what shows it, what to try; then the rest."""
    name = f"{answer.key.kind} {answer.key.namespace}/{answer.key.name}".replace(" /", " ")
    state = screen.paint(str(answer.health.state), style_of(answer.health.state))
    lines = [f"{screen.sign(answer.health.state)} {name} is {state}"]
    if not answer.causes:
        if answer.health.state is not HealthState.HEALTHY and answer.health.message:
            lines += screen.below(plain(answer.health.message), 2, 3)
        lines.append(f"nothing wrong found; looked at: {', '.join(answer.looked_at) or 'the object itself'}")
    for position, cause in enumerate(answer.causes[:_SHOWN]):
        lines += ["", *_cause(cause, screen, is_root=position == 0)]
    if len(answer.causes) > _SHOWN:
        lines += ["", f"and {len(answer.causes) - _SHOWN} more; -o json has all"]
    for kind, why in sorted(answer.unreadable.items()):
        lines += ["", f"not looked at: {kind} ({plain(why)})"]
    return lines


def _cause(cause: Cause, screen: Screen, *, is_root: bool) -> Iterator[str]:
    sentence = _clean(f"{_named(cause.key)} {cause.sentence}")
    head = screen.below(sentence, 0, 6)
    yield from (screen.paint(line, "bold") if is_root else line for line in head)
    if cause.others:
        names = ", ".join(one.name for one in cause.others[:_NAMED])
        more = f" and {len(cause.others) - _NAMED} more" if len(cause.others) > _NAMED else ""
        yield from screen.below(f"the same: {names}{more}", 2, 2)
    shown = ""
    for one in cause.evidence if is_root else cause.evidence[:1]:
        yield from screen.below(("| " if one.log else "- ") + _clean(one.text), 2, 4)
        if one.command and one.command != shown:
            yield screen.paint(f"      {one.command}", "dim")
            shown = one.command
    if is_root and cause.advice:
        yield "  what to try:"
        for advice in cause.advice:
            yield from screen.below(_clean(advice), 4, 3)


def _named(key: ObjectKey) -> str:
    return f"{key.kind} {key.namespace}/{key.name}" if key.namespace else f"{key.kind} {key.name}"


def _clean(said: str) -> str:
    """Containers write what they like: no credentials by their looks, no orders to the terminal."""
    return plain(_REDACTOR.text(said))


def as_data(answer: Answer) -> dict[str, Any]:
    """The answer for programs; the fields are stable."""
    return {
        "object": answer.key._asdict(),
        "health": str(answer.health.state),
        "causes": [
            {
                "id": cause.id,
                "object": cause.key._asdict(),
                "sentence": _clean(cause.sentence),
                "depth": cause.depth.name.lower(),
                "evidence": [
                    {"text": _clean(one.text), "command": one.command, "log": one.log}
                    for one in cause.evidence
                ],
                "advice": [_clean(one) for one in cause.advice],
                "others": [one._asdict() for one in cause.others],
            }
            for cause in answer.causes
        ],
        "lookedAt": list(answer.looked_at),
        "unreadable": {str(kind): plain(why) for kind, why in answer.unreadable.items()},
    }
