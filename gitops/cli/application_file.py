"""An Application in a file: read, and put into the cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

from gitops.api.application import Application, InvalidApplication
from gitops.api.group import API_VERSION, KIND
from gitops.cli.applications import MANAGER
from gitops.controller.applications import key_of
from gitops.core.model import ObjectKey
from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.core.resources import APPLICATIONS
from gitops.core.verdict import judge
from gitops.kube import objects
from gitops.kube.client import Client

_SUFFIXES = (".yaml", ".yml", ".json")


def is_application_file(path: Path) -> bool:
    """Whether an argument names a manifest file rather than an Application or a folder."""
    return path.suffix in _SUFFIXES and not path.is_dir() and (path.exists() or "/" in str(path))


def read_document(path: Path, home: str) -> dict[str, Any]:
    """The one Application of a file, `home` its namespace where it names none. Raises GitopsError."""
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _wrong(path, f"can't be read: {error.strerror}", "correct the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is no YAML: {error}", "correct the file") from None
    found = [
        one
        for one in documents
        if isinstance(one, Mapping) and (one.get("apiVersion"), one.get("kind")) == (API_VERSION, KIND)
    ]
    if len(found) != 1 or len(found) != sum(one is not None for one in documents):
        advice = "give a file with one Application and nothing else"
        raise _wrong(path, f"has {len(found)} Applications in {len(documents)} documents", advice)
    metadata = {"namespace": home, **(found[0].get("metadata") or {})}
    return {**found[0], "metadata": metadata}


def read_application(path: Path, home: str) -> Application:
    """Likewise, parsed."""
    try:
        return Application.parse(read_document(path, home))
    except InvalidApplication as error:
        raise _wrong(path, str(error), "correct the file") from None


def with_what_is_there(app: Application, applications: list[Application]) -> Application:
    """What the Application would be after the file was applied: the cluster's identity and status."""
    there = next((one for one in applications if key_of(one) == key_of(app)), None)
    if there is None:
        return app
    known = there.metadata
    metadata = known.model_copy(
        update={
            "annotations": {**known.annotations, **app.metadata.annotations},
            "labels": {**known.labels, **app.metadata.labels},
        }
    )
    return app.model_copy(update={"metadata": metadata, "status": there.status})


async def put(client: Client, path: Path, home: str) -> Application:
    """Apply the file's Application, not forced. Raises GitopsError."""
    document = read_document(path, home)
    key = ObjectKey(APPLICATIONS.group, KIND, document["metadata"]["namespace"], document["metadata"]["name"])
    document.pop("status", None)
    reply = await objects.apply(client, APPLICATIONS, key, orjson.dumps(document), MANAGER, force=False)
    if not reply.ok:
        raise GitopsError(judge(reply.status, reply.failure, key, str(path)).problem)
    return Application.parse({**reply.json, "apiVersion": API_VERSION, "kind": KIND})


def _wrong(path: Path, what: str, advice: str) -> GitopsError:
    return fail(Reason.INVALID_OBJECT, what, Blame.SPEC, where=str(path), advice=advice)
