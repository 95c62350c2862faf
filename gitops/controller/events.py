"""Kubernetes Events on Applications: one for each change of state, never two for the same."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from gitops.api.application import Application
from gitops.api.group import API_VERSION, KIND
from gitops.kube.client import Client
from gitops.observe import logs
from gitops.observe.logs import redactor

_LONGEST = 1000  # characters; the API refuses messages of more than 1,024

log = logs.get("events")


class Events:
    """Sends Events in the background: a reconcile doesn't wait for them, and lives on without them."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._instance = instance
        self._sending: set[asyncio.Task[None]] = set()

    def normal(self, app: Application, reason: str, message: str) -> None:
        self._send(app, "Normal", reason, message)

    def warning(self, app: Application, reason: str, message: str) -> None:
        self._send(app, "Warning", reason, message)

    def warning_about(self, obj: Mapping[str, Any], reason: str, message: str) -> None:
        """A warning on an object that is no Application, as the API server gave it."""
        metadata = obj["metadata"]
        about = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        self._start(about, "Warning", reason, message)

    def _send(self, app: Application, kind: str, reason: str, message: str) -> None:
        metadata = app.metadata
        about = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
        }
        self._start(about, kind, reason, message)

    def _start(self, about: dict[str, str], kind: str, reason: str, message: str) -> None:
        task = asyncio.create_task(self._post(about, kind, reason, message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _post(self, about: dict[str, str], kind: str, reason: str, message: str) -> None:
        namespace = about["namespace"]
        text = redactor.text(message)
        now = datetime.now(UTC)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about['name']}.{uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…",
            "firstTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 1,
            "source": {"component": "gitops"},
            "reportingComponent": "gitops.dev/controller",
            "reportingInstance": self._instance,
        }
        reply = await self._client.request(
            "POST", f"/api/v1/namespaces/{namespace}/events", orjson.dumps(event), label="events"
        )
        if not reply.ok:
            log.debug("event not sent", status=reply.status, error=reply.failure.get("message"))

    async def close(self) -> None:
        """Wait briefly for what is under way."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=2)
