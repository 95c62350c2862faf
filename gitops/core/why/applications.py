"""Why an Application itself gets no further, by its own status: Git, rendering, rights, hooks, approvals."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from gitops.api.application import Application
from gitops.api.group import GROUP, KIND
from gitops.api.status import ConditionType, ObjectReference, ProblemReport
from gitops.core.conditions import DIAGNOSED, NOTICES, STANDING
from gitops.core.model import ObjectKey
from gitops.core.problem import Reason
from gitops.core.reading import text
from gitops.core.why.lookups import describe, namespace_flag, typed_name
from gitops.core.why.model import Cause, Depth, Evidence, World
from gitops.core.why.refusals import Refusal, refusal

_EMPTY = World({})
_REASONS = {one.value: one for one in Reason}

_MINOR = {
    **dict.fromkeys((*NOTICES, Reason.WAITING, Reason.CHANGED_MEANWHILE), Depth.EFFECT),
    **dict.fromkeys((*STANDING, Reason.FIGHTING), Depth.STATE),
    Reason.APPROVAL_REQUIRED: Depth.ROOT,
}
_REFUSED = frozenset(
    {
        Reason.ADMISSION_DENIED,
        Reason.ADMISSION_UNAVAILABLE,
        Reason.QUOTA_EXCEEDED,
        Reason.API_UNAVAILABLE,
        Reason.UNREADABLE,
    }
)
_RENDERING = frozenset(
    {
        Reason.INVALID_MANIFEST,
        Reason.DUPLICATE_OBJECT,
        Reason.RESERVED_METADATA,
        Reason.UNSAFE_PATH,
        Reason.RENDER_FAILED,
        Reason.EMPTY_RENDER,
        Reason.PATH_NOT_FOUND,
        Reason.RENDER_TIMEOUT,
        Reason.RENDER_LIMIT_EXCEEDED,
        Reason.UNSUPPORTED_SOURCE,
        Reason.UNSTABLE_RENDER,
        Reason.INVALID_VALUES,
    }
)

_IMMUTABLE_FIELD = re.compile(
    r"(?:invalid: \[?|, )((?:spec|data|type|immutable|roleRef|provisioner)[\w.\[\]]*):"
)
_CONFLICTS = re.compile(r'conflicts? with "(?P<manager>[^"]+)"')
_FIELDS = re.compile(r"(?<!\w)\.[\w\-]+(?:\.[\w\-]+|\[[^\]]*\])*")
_DEPENDENCY = re.compile(r"the Application (?P<name>[\w.\-]+/[\w.\-]+)")

Told: TypeAlias = Callable[[Application, ProblemReport, ObjectKey], Refusal | None]


def key_of(app: Application) -> ObjectKey:
    """The Application as an object among others."""
    return ObjectKey(GROUP, KIND, app.metadata.namespace, app.metadata.name)


def causes_of_application(app: Application, world: World = _EMPTY) -> tuple[Cause, ...]:
    """What keeps an Application from applying its revision, most important first.

    What is of depth ROOT explains why objects are not there or not as Git says, and comes before
    any cause that is found in the objects; the rest is only worth saying where nothing else is found.
    """
    found = [*_of_itself(app)]
    # What the controller's own diagnosis wrote is left out: the objects are asked anew.
    found += [
        _cause(app, problem, world) for problem in app.status.problems if problem.reason not in DIAGNOSED
    ]
    return tuple(sorted(found, key=lambda one: -one.depth))


def _of_itself(app: Application) -> Iterator[Cause]:
    key, status = key_of(app), app.status
    look = _look(app)
    if app.metadata.deletion_timestamp:
        synced = status.condition(ConditionType.SYNCED)
        yield Cause(
            "application-deleting",
            key,
            f"is being deleted: {synced.message if synced else 'the controller has not looked at it yet'}",
            Depth.STATE,
            (Evidence(f"it was deleted at {app.metadata.deletion_timestamp:%Y-%m-%d %H:%M:%S}", look),),
        )
    elif not status.conditions:
        yield Cause(
            "application-unseen",
            key,
            "has no status: no controller has looked at it yet",
            Depth.ROOT,
            (Evidence("status is empty", "kubectl get pods -A -l app.kubernetes.io/name=gitops"),),
            ("see whether the controller runs, and whether it is allowed to watch Applications",),
        )
    elif app.spec.suspend:
        yield Cause(
            "application-suspended",
            key,
            "is suspended: nothing is applied, healed or pruned",
            Depth.STATE,
            (Evidence("spec.suspend is true", look),),
            (f"gitops resume {_name(app)}",),
        )
    elif status.hold:
        yield Cause(
            "application-held",
            key,
            f"is held at commit {status.hold.revision[:7]}, whatever its branch does",
            Depth.EFFECT,
            (Evidence(f"held since {status.hold.since:%Y-%m-%d %H:%M:%S}", look),),
            (f"gitops resume {_name(app)}",),
        )
    elif not status.problems:
        yield from _waiting(app)


def _waiting(app: Application) -> Iterator[Cause]:
    """What a sync waits for, in the controller's words: the objects that are named may tell more."""
    for kind in (ConditionType.STALLED, ConditionType.RECONCILING):
        condition = app.status.condition(kind)
        if condition and condition.status == "True":
            sentence = f"gets no further: {condition.message}"
            evidence = Evidence(f"{condition.type} with the reason {condition.reason}", _look(app))
            yield Cause("application-waiting", key_of(app), sentence, Depth.EFFECT, (evidence,))
            return


def _cause(app: Application, problem: ProblemReport, world: World) -> Cause:
    key = _key(problem.object) if problem.object else key_of(app)
    reason = _reason(problem.reason)
    told = _TOLD.get(reason) if reason else None
    found = told(app, problem, key) if told else None
    if found is None and reason in _REFUSED:
        found = refusal(problem.message, key.namespace, world)
    if found is None:
        found = Refusal(_identity(problem.reason), text(problem.message))
    evidence = found.evidence
    if reason in _RENDERING:
        evidence = (*evidence, _render(app, problem))
    if problem.where and reason not in _RENDERING:
        evidence = (*evidence, Evidence(f"it stands in {problem.where}"))
    evidence = evidence or (Evidence(f"{problem.reason} in the Application's status", _look(app)),)
    advice = found.advice or ((problem.advice,) if problem.advice else ())
    sentence = found.sentence
    if reason in _RENDERING and problem.where:
        sentence = f"{problem.where}: {sentence}"
    depth = _MINOR.get(reason, Depth.ROOT) if reason else Depth.ROOT
    return Cause(found.id, key, sentence, depth, evidence, advice)


def _key(reference: ObjectReference) -> ObjectKey:
    return ObjectKey(reference.group, reference.kind, reference.namespace, reference.name)


def _reason(word: str) -> Reason | None:
    """None for a reason of a newer controller."""
    return _REASONS.get(word)


def _identity(word: str) -> str:
    """`FieldConflict` as `field-conflict`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", word).lower()


def _name(app: Application) -> str:
    return f"{app.metadata.name}{namespace_flag(app.metadata.namespace)}"


def _look(app: Application) -> str:
    return f"gitops status {_name(app)}"


def _source(app: Application) -> str:
    source = app.spec.source
    return f"{source.repository}@{source.revision}" if source.revision else source.repository


def _render(app: Application, problem: ProblemReport) -> Evidence:
    attempted = app.status.revision.attempted if app.status.revision else None
    place = f" at {problem.where}" if problem.where else ""
    commit = f"commit {attempted[:7]}" if attempted else "the newest commit"
    return Evidence(
        f"rendering {commit} fails{place}",
        f"gitops render {_source(app)} --path {app.spec.source.path or '.'}",
    )


def _forbidden(_app: Application, problem: ProblemReport, key: ObjectKey) -> Refusal | None:
    found = refusal(problem.message, key.namespace)
    if found is None or found.id != "forbidden":
        return found
    all_of_them = "gitops needs get, list, create, patch and delete on each kind of object that it manages"
    return replace(found, advice=(*found.advice, all_of_them))


def _immutable(_app: Application, problem: ProblemReport, key: ObjectKey) -> Refusal:
    fields = list(dict.fromkeys(_IMMUTABLE_FIELD.findall(problem.message)))
    what = f"{', '.join(fields)} can't be changed" if fields else "a field can't be changed"
    return Refusal(
        "immutable-field",
        f"can't be updated, because {what} in an object that exists",
        (
            Evidence(text(problem.message)[:300]),
            Evidence(
                "what it has now", f"kubectl get {typed_name(key)}{namespace_flag(key.namespace)} -o yaml"
            ),
        ),
    )


def _conflict(_app: Application, problem: ProblemReport, key: ObjectKey) -> Refusal:
    managers = list(dict.fromkeys(_CONFLICTS.findall(problem.message)))
    fields = list(dict.fromkeys(_FIELDS.findall(problem.message)))
    who = f"the manager {', '.join(managers)}" if managers else "another manager"
    return Refusal(
        "field-conflict",
        f"can't be applied, because {who} holds {', '.join(fields[:5]) or 'a field'} with another value",
        (
            Evidence(
                f"conflict with {', '.join(managers) or 'another manager'}",
                f"kubectl get {typed_name(key)}{namespace_flag(key.namespace)} -o yaml --show-managed-fields",
            ),
        ),
    )


def _hook(app: Application, problem: ProblemReport, key: ObjectKey) -> Refusal:
    report = next(
        (one for one in app.status.hooks if _key(one.object) == key and one.state == "Failed"), None
    )
    run = key._replace(name=report.name) if report and report.name else key
    attempts = f", after {report.attempt} attempts" if report and report.attempt > 1 else ""
    evidence = [Evidence(f"the hook ran as {run.kind} {run.name}{attempts}", describe(run))]
    if run.kind in ("Job", "Pod"):
        shown = f"kubectl logs {typed_name(run)}{namespace_flag(run.namespace)} --all-containers --tail=50"
        evidence.append(Evidence("what it printed", shown))
    return Refusal(
        "hook-failed", f"{text(problem.message)}; the sync doesn't go on", tuple(evidence), (problem.advice,)
    )


def _dependency(_app: Application, problem: ProblemReport, _key: ObjectKey) -> Refusal:
    match = _DEPENDENCY.search(problem.message)
    namespace, _, name = match["name"].partition("/") if match else ("", "", "")
    evidence = (
        (Evidence(f"it depends on {namespace}/{name}", f"gitops why {name} -n {namespace}"),) if match else ()
    )
    advice = (f"gitops why {name} -n {namespace}",) if match else ()
    return Refusal(_identity(problem.reason), text(problem.message), evidence, advice)


def _credentials(app: Application, problem: ProblemReport, _key: ObjectKey) -> Refusal:
    """The Secret is named, and never read here."""
    source = app.spec.source
    if source.credentials:
        name = source.credentials.secret_name
        seen = Evidence(
            f"the credentials are those of the Secret {name}",
            f"kubectl describe secret/{name}{namespace_flag(app.metadata.namespace)}",
        )
    else:
        seen = Evidence("spec.source.credentials names no Secret", _look(app))
    return Refusal(_identity(problem.reason), text(problem.message), (seen,))


def _revision(app: Application, problem: ProblemReport, _key: ObjectKey) -> Refusal:
    revision = app.spec.source.revision or "HEAD"
    return Refusal(
        _identity(problem.reason),
        text(problem.message),
        (Evidence(f"spec.source.revision is {revision}", f"git ls-remote {app.spec.source.repository}"),),
    )


def _unknown_kind(_app: Application, problem: ProblemReport, key: ObjectKey) -> Refusal:
    return Refusal(
        "unknown-kind",
        text(problem.message),
        (
            Evidence(
                f"the cluster serves no {key.group_kind}",
                f"kubectl api-resources --api-group={key.group}",
            ),
        ),
    )


def _plan(app: Application, problem: ProblemReport, _key: ObjectKey) -> Refusal:
    return Refusal(
        _identity(problem.reason),
        text(problem.message),
        (Evidence("what it would do", f"gitops plan {_name(app)}"),),
    )


_TOLD: dict[Reason, Told] = {
    Reason.FORBIDDEN: _forbidden,
    Reason.IMMUTABLE_FIELD: _immutable,
    Reason.FIELD_CONFLICT: _conflict,
    Reason.HOOK_FAILED: _hook,
    Reason.DEPENDENCY_NOT_READY: _dependency,
    Reason.DEPENDENCY_NOT_FOUND: _dependency,
    Reason.AUTHENTICATION_FAILED: _credentials,
    Reason.CREDENTIALS_NOT_FOUND: _credentials,
    Reason.CREDENTIALS_INVALID: _credentials,
    Reason.HOST_KEY_UNKNOWN: _credentials,
    Reason.REVISION_NOT_FOUND: _revision,
    Reason.UNKNOWN_KIND: _unknown_kind,
    Reason.PRUNE_REFUSED: _plan,
    Reason.PRUNE_UNCONFIRMED: _plan,
    Reason.APPROVAL_REQUIRED: _plan,
}
