"""Readiness by an expression of a user: asked of the renderer, where it can hold up nobody.

An expression is asked again only when the Application that it is about has changed.
"""

import hashlib
import json

import orjson

from gitops.api.application import Application
from gitops.api.group import API_VERSION, GROUP, KIND
from gitops.api.status import Status
from gitops.controller.applications import AppKey, key_of
from gitops.core.dependencies import Standing, readiness_of
from gitops.core.health import Health
from gitops.core.health.custom import CustomRule
from gitops.core.model import GroupKind
from gitops.core.problem import Blame, GitopsError, Problem, Reason
from gitops.render.client import RendererClient

_WHERE = "spec.dependsOn[].ready"
_TOO_COSTLY = frozenset({Reason.RENDER_TIMEOUT, Reason.RENDER_LIMIT_EXCEEDED})


class Readiness:
    """What expressions said of Applications, as long as these stay the same."""

    def __init__(self, renderer: RendererClient) -> None:
        self._renderer = renderer
        self._known: dict[tuple[AppKey, str], tuple[bytes, Health]] = {}

    async def ask(self, expression: str, app: Application, status: Status) -> Standing:
        """How the Application stands by the expression.

        Raises GitopsError: INVALID_EXPRESSION, also for one that costs too much; RENDERER_UNAVAILABLE.
        """
        obj = _document(app, status)
        digest = hashlib.sha256(obj).digest()
        known = self._known.get((key_of(app), expression))
        if known is None or known[0] != digest:
            known = (digest, await self._judge(expression, obj))
            self._known[key_of(app), expression] = known
        return readiness_of(known[1], expression, _WHERE)

    def forget(self, key: AppKey) -> None:
        """The Application is gone."""
        for one in [one for one in self._known if one[0] == key]:
            del self._known[one]

    async def _judge(self, expression: str, obj: bytes) -> Health:
        definition = {"rules": [{"when": expression, "state": "Healthy"}], "otherwise": "Progressing"}
        rule = CustomRule(GroupKind(GROUP, KIND), json.dumps(definition), _WHERE)
        try:
            (found,) = await self._renderer.health(rule, [obj])
        except GitopsError as error:
            if error.problem.reason not in _TOO_COSTLY:
                raise
            message = f"{expression!r} costs too much: {error.problem.message}"
            problem = Problem(
                Reason.INVALID_EXPRESSION, message, Blame.SPEC, _WHERE, "make the expression simpler"
            )
            raise GitopsError(problem) from None
        return found


def _document(app: Application, status: Status) -> bytes:
    """The Application as the API server has it, as far as we know it."""
    shown = {"mode": "json", "by_alias": True, "exclude_none": True}
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": app.metadata.model_dump(**shown, exclude={"resource_version"}),  # type: ignore[arg-type]
        "spec": app.spec.model_dump(**shown),  # type: ignore[arg-type]
        "status": status.to_json(),
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
