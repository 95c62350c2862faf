"""What an answer of the API server means for one object: again, later, or never without a change.

The texts that are matched are those of kube-apiserver 1.37; each pattern names the case.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, Problem, Reason


class Turn(StrEnum):
    """Whose turn it is after a refused request."""

    AGAIN = "again"  # the world moved meanwhile: look, plan and try at once
    LATER = "later"  # may pass by itself: back off
    STALLED = "stalled"  # the same request will fail again until somebody changes something


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose turn it is, and what to tell them."""

    turn: Turn
    problem: Problem


@dataclass(frozen=True, slots=True)
class _Case:
    """One row: status codes, a pattern over the message, and what that means."""

    statuses: tuple[int, ...]
    pattern: re.Pattern[str]
    turn: Turn
    reason: Reason
    blame: Blame
    advice: str


def _case(
    statuses: tuple[int, ...], pattern: str, turn: Turn, reason: Reason, blame: Blame, advice: str = ""
) -> _Case:
    return _Case(statuses, re.compile(pattern, re.IGNORECASE | re.DOTALL), turn, reason, blame, advice)


# The first row that fits counts. A forced apply always carries a uid: on an object that is gone
# the server answers 409 (uid mismatch), on a recreated one 422 (immutable): both mean "look again".
_CASES: tuple[_Case, ...] = (
    _case(
        (409, 422),
        r"metadata\.uid|uid mismatch|(?:UID|ResourceVersion) in (?:the )?precondition|"
        r"object has been modified|"
        r"the server rejected our request due to an error in our request",
        Turn.AGAIN,
        Reason.CHANGED_MEANWHILE,
        Blame.CLUSTER,
    ),
    _case(
        (403, 404, 409),
        r"because it is being terminated|namespace .* is being terminated",
        Turn.LATER,
        Reason.NAMESPACE_TERMINATING,
        Blame.CLUSTER,
        "its namespace is being deleted; wait until it is gone, or remove what blocks it",
    ),
    _case(
        (404,),
        r"namespaces \"[^\"]+\" not found",
        Turn.LATER,
        Reason.NAMESPACE_NOT_FOUND,
        Blame.SPEC,
        "add a Namespace to the repository, or set sync.createNamespace",
    ),
    _case(
        (404,),
        r"could not find the requested resource|page not found",
        Turn.LATER,
        Reason.UNKNOWN_KIND,
        Blame.CLUSTER,
        "install its CustomResourceDefinition",
    ),
    _case((404,), r"not found", Turn.AGAIN, Reason.CHANGED_MEANWHILE, Blame.CLUSTER),
    _case(
        (409,),
        r"Apply failed with \d+ conflict",
        Turn.LATER,
        Reason.FIELD_CONFLICT,
        Blame.SPEC,
        "remove the field from one of the two sides, or set sync.adopt to Always",
    ),
    _case((409,), r"already exists", Turn.AGAIN, Reason.CHANGED_MEANWHILE, Blame.CLUSTER),
    _case(
        (403,),
        r"exceeded quota|failed quota",
        Turn.LATER,
        Reason.QUOTA_EXCEEDED,
        Blame.CLUSTER,
        "raise the ResourceQuota or ask for less",
    ),
    _case(
        (400, 403, 406, 409, 422, 500),
        r"admission webhook .* denied the request|ValidatingAdmissionPolicy .* denied request|"
        r"violates PodSecurity",
        Turn.LATER,
        Reason.ADMISSION_DENIED,
        Blame.REPOSITORY,
        "change the manifest so that the policy admits it",
    ),
    _case(
        (500, 502, 503, 504),
        r"failed calling webhook",
        Turn.LATER,
        Reason.ADMISSION_UNAVAILABLE,
        Blame.CLUSTER,
        "the webhook's backend doesn't answer; look at its Service and Pods",
    ),
    _case(
        (403,),
        r"attempting to grant RBAC permissions not currently held|user .* is attempting to",
        Turn.LATER,
        Reason.FORBIDDEN,
        Blame.CREDENTIALS,
        "the account may only grant what it holds itself (or needs the verbs escalate and bind)",
    ),
    # RBAC always names the user; what else is forbidden, an admission plugin forbids (a LimitRange,
    # a missing PriorityClass or service account), and no Role helps.
    _case(
        (403,),
        r"is forbidden: (?!user )",
        Turn.LATER,
        Reason.ADMISSION_DENIED,
        Blame.REPOSITORY,
        "change the manifest, or add what it refers to",
    ),
    _case(
        (401, 403),
        r"",
        Turn.LATER,
        Reason.FORBIDDEN,
        Blame.CREDENTIALS,
        "give the account the right by a Role or ClusterRole",
    ),
    _case(
        (400, 422, 500),
        r"field not declared in schema|unknown field|strict decoding error|"
        r"failed to create typed patch object|failed to convert new object|"
        r"failed to create manager for existing fields",
        Turn.STALLED,
        Reason.INVALID_FIELD,
        Blame.REPOSITORY,
        "correct or remove the field",
    ),
    _case(
        (400, 422),
        r"field is immutable|is immutable|updates to .* spec for fields other than|may not be changed|"
        r"may not change once set|may not change fields other than|cannot change|forbidden: updates to",
        Turn.STALLED,
        Reason.IMMUTABLE_FIELD,
        Blame.REPOSITORY,
        "set the field back, or annotate the object in Git with gitops.dev/force: Enabled, so that it is "
        "deleted and created anew",
    ),
    _case(
        (405, 415),
        r"",
        Turn.STALLED,
        Reason.UNSUPPORTED_API,
        Blame.CLUSTER,
        "its API doesn't support server-side apply, so gitops can't manage it",
    ),
    _case(
        (400, 413, 422),
        r"",
        Turn.STALLED,
        Reason.INVALID_OBJECT,
        Blame.REPOSITORY,
        "correct the manifest",
    ),
)
_OTHERWISE = _case((), "", Turn.LATER, Reason.API_UNAVAILABLE, Blame.CLUSTER, "it is tried again")


_LONGEST = 1000
_IMMUTABLE = next(one.pattern for one in _CASES if one.reason is Reason.IMMUTABLE_FIELD)


def only_immutable(status: int, failure: Mapping[str, Any], key: ObjectKey) -> bool:
    """Whether a request was refused because fields are immutable, and for nothing else.

    If something else is wrong as well, the object could be deleted, but not be created again.
    """
    if judge(status, failure, key).problem.reason is not Reason.IMMUTABLE_FIELD:
        return False
    causes = (failure.get("details") or {}).get("causes") or ()
    return all(_IMMUTABLE.search(str(cause.get("message"))) for cause in causes)


def judge(status: int, failure: Mapping[str, Any], key: ObjectKey, origin: str = "") -> Verdict:
    """What a refused request for `key` means.

    Args:
        status: HTTP status, 0 when there was no answer.
        failure: the body, a `metav1.Status`; its message may quote the manifest (see `safe_message`).
        key: the object.
        origin: where the object stands in the repository.
    """
    message = str(failure.get("message") or f"status {status}")
    case = next((one for one in _CASES if status in one.statuses and one.pattern.search(message)), _OTHERWISE)
    if key.kind == "Secret":
        message = safe_message(message)
    if len(message) > _LONGEST:  # a refused Job template comes back whole
        message = f"{message[:_LONGEST]}…"
    problem = Problem(case.reason, message, case.blame, origin, case.advice, key)
    return Verdict(case.turn, problem)


def safe_message(message: str) -> str:
    """An error message about a Secret without the values that the server quotes from it.

    The server repeats what it couldn't decode or validate: `Invalid value: "…"`, and for a wrong
    type the value as Go prints it, without quotes. Names in quotes (fields, resources) have a shape
    that values of interest rarely have, so everything in quotes goes unless it is the Secret's own
    kind, a path, or the manager that a conflict is with. Who may not do what is told before the
    server looks at the manifest: it names only the request.
    """
    denied = _DENIED.match(message)
    told, rest = (denied.group(0), message[denied.end() :]) if denied else ("", message)
    return told + _QUOTED.sub(_quoted, _GO_VALUE.sub('got "***"', rest))


# The authorizer's refusal: apiserver/pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage.
_DENIED = re.compile(
    r'secrets(?: "[a-z0-9.\-]+")? is forbidden: User "[\w.:@/\-]+" cannot [a-z]+ resource "secrets" '
    r'in API group ""(?: in the namespace "[a-z0-9\-]+"| at the cluster scope)'
)
# "expected string, got &value.valueUnstructured{Value:5}": the value has no end that could be found.
_GO_VALUE = re.compile(r"\bgot &.*", re.DOTALL)
_QUOTED = re.compile(r'(?<!conflict with )(?<!conflicts with )"(?:[^"\\]|\\.)*"|`[^`]*`')


def _quoted(match: re.Match[str]) -> str:
    text = match.group(0)
    return text if re.fullmatch(r'"(?:secrets?|v1|Secret|\.[\w.\-\[\]]+)"', text, re.IGNORECASE) else '"***"'
