"""Which objects are asked about, and what a status may tell of the answer."""

from gitops.controller.causes import in_trouble, problems_of
from gitops.core.health import HEALTHY, degraded, progressing
from gitops.core.model import ObjectKey
from gitops.core.problem import Reason
from gitops.core.why.model import Cause, Depth, Evidence

WEB = ObjectKey("apps", "Deployment", "shop", "web")
DB = ObjectKey("apps", "StatefulSet", "shop", "db")


def test_what_is_broken_is_asked_about_and_what_is_late_only_after_its_deadline() -> None:
    broken, late = {WEB: degraded("crashes")}, {DB: progressing("0 of 1 are ready")}
    assert in_trouble(broken | late, deadline_exceeded=False) == (broken, Reason.DEGRADED)
    assert in_trouble(late, deadline_exceeded=False)[0] == {}
    assert in_trouble(late, deadline_exceeded=True) == (late, Reason.PROGRESS_DEADLINE_EXCEEDED)
    assert in_trouble({WEB: HEALTHY}, deadline_exceeded=True)[0] == {}


def test_a_status_has_the_sentence_and_nothing_that_was_logged() -> None:
    seen = (Evidence("password=hunter2", "kubectl logs web", log=True), Evidence("exit code 1"))
    cause = Cause("crash", WEB, "its container web ends with exit code 1", Depth.STATE, seen, ("look",))
    [problem] = problems_of([cause, cause], Reason.DEGRADED)
    assert (problem.key, problem.message, problem.advice) == (WEB, cause.sentence, "look")
    assert "hunter2" not in repr(problem)
