"""A thin layer over the official client's configuration and connection pool: bytes in, bytes out.

The typed models cost more than the request itself; what comes from the official client is the
kubeconfig, the credentials with their refresh, TLS, and the pool (`kubernetes.aio`).
"""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import yaml

from gitops.core.problem import Blame, GitopsError, Reason, fail
from gitops.kube.official import (
    ConfigException,
    Configuration,
    RESTClientObject,
    aiohttp,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

_LONGEST_REQUEST = 60.0
_LONGEST_WATCH = 660.0  # the reflector asks the server to end each within ten minutes
_RELOAD_PAUSE = 10.0
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=_LONGEST_REQUEST, connect=10)
_WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10)
_BUSY_TRIES = 5
_LARGE_BODY = 2**20  # aiohttp warns from here on
_LONGEST_BUSY_WAIT = 10.0

Observer: TypeAlias = Callable[[str, str, int, float], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the API server; `status` 0: there was none, `body` then says why."""

    status: int
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else {}

    @property
    def failure(self) -> Mapping[str, Any]:
        """The `metav1.Status` of a refusal; proxies in between may answer with anything else."""
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            parsed = None
        if isinstance(parsed, dict):
            return parsed
        return {"message": self.body.decode(errors="replace")[:500]}


@dataclass(frozen=True, slots=True)
class Access:
    """Which cluster, and as whom: a kubeconfig (with a context) or the Pod's own account."""

    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A service account that requests are made as."""

    namespace: str
    name: str

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Impersonation headers: the API server adds the groups of a service account itself.

        To name them we would need a right that can't be limited to them, and allows system:masters.
        """
        return [("Impersonate-User", f"system:serviceaccount:{self.namespace}:{self.name}")]


class Client:
    """Requests to one API server, optionally as a service account.

    `as_account` gives a view that shares connections. Watches have a pool of their own: a
    hundred of them would otherwise starve the writes.
    """

    def __init__(self, pool: "_Pool", account: Account | None = None) -> None:
        self._pool = pool
        self._account_headers = account.headers if account else []
        self.account = account

    @classmethod
    async def connect(cls, access: Access, observer: Observer | None = None) -> "Client":
        """Load the credentials; no request is sent. Raises GitopsError when there are none."""
        return cls(await _Pool.open(access, observer))

    def as_account(self, account: Account | None) -> "Client":
        return Client(self._pool, account)

    async def close(self) -> None:
        await self._pool.close()

    @property
    def server(self) -> str:
        return self._pool.host

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        label: str = "",
    ) -> Reply:
        """Send one request; a server that is busy (429) is asked again after the time it names.

        Never raises for an answer: connection failures are a Reply of status 0.
        `label` is the resource's name for the metric.
        """
        for attempt in range(_BUSY_TRIES):
            started = time.monotonic()
            reply, retry_after = await self._once(method, path, body, params, content_type, accept)
            self._pool.observe(method, label, reply.status, time.monotonic() - started)
            if reply.status == 401 and attempt == 0 and await self._pool.reload(started):
                continue
            if reply.status != 429 or attempt == _BUSY_TRIES - 1:
                break
            await asyncio.sleep(min(retry_after, _LONGEST_BUSY_WAIT))
        return reply

    async def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        params: Mapping[str, str] | None,
        content_type: str,
        accept: str,
    ) -> tuple[Reply, float]:
        headers = [("Accept", accept), *self._account_headers, *await self._pool.credentials()]
        if body is not None:
            headers.append(("Content-Type", content_type))
        try:
            async with self._pool.session.request(
                method,
                self._pool.host + path,
                params=params,
                data=_payload(body),
                headers=headers,
                timeout=_REQUEST_TIMEOUT,
                allow_redirects=False,
                **self._pool.options,
            ) as response:
                data = await response.read()
                wait = response.headers.get("Retry-After", "1")
                return Reply(response.status, data), float(wait) if wait.isdigit() else 1.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = str(error) or type(error).__name__
            return Reply(0, text.encode()), 1.0

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], accept: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a watch. The caller sets a deadline: a watch can stay silent for ever."""
        headers = [("Accept", accept), *self._account_headers, *await self._pool.credentials()]
        async with self._pool.watches.get(
            self._pool.host + path,
            params=params,
            headers=headers,
            timeout=_WATCH_TIMEOUT,
            allow_redirects=False,
            **self._pool.options,
        ) as response:
            yield response


class _Pool:
    """Two aiohttp sessions made by the official client, and the credentials for them."""

    def __init__(self, access: Access, configuration: Configuration, observer: Observer | None) -> None:
        self._access = access
        self._observer = observer
        self._reloaded = 0.0
        self._reloading = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()
        self._install(configuration)

    def _install(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.host: str = configuration.host.rstrip("/")
        rest = RESTClientObject(configuration)
        self.session: aiohttp.ClientSession = rest._create_pool_manager()
        self.watches: aiohttp.ClientSession = rest._create_pool_manager()
        self.options: dict[str, Any] = {}
        if configuration.tls_server_name:
            self.options["server_hostname"] = configuration.tls_server_name
        if configuration.proxy:
            self.options["proxy"] = configuration.proxy

    @classmethod
    async def open(cls, access: Access, observer: Observer | None) -> "_Pool":
        return cls(access, await _load(access), observer)

    async def credentials(self) -> list[tuple[str, str]]:
        """The authorization header, refreshed by the client's own hook where a token expires."""
        settings = await self._configuration.auth_settings()
        return [(one["key"], one["value"]) for one in settings.values() if one["value"]]

    async def reload(self, sent: float) -> bool:
        """Read the credentials again after a 401 (exec plugins, rotated files); at most every 10 s.

        `sent` is when the refused request was sent: of several that are refused at once, one
        reads, and all try again. What is under way on the old connections ends there.
        """
        async with self._reloading:
            if self._reloaded > sent:
                return True
            if time.monotonic() - self._reloaded < _RELOAD_PAUSE:
                return False
            self._reloaded = time.monotonic()
            try:
                configuration = await _load(self._access)
            except GitopsError:  # the file is just being replaced: the 401 stands
                return False
            for session, longest in ((self.session, _LONGEST_REQUEST), (self.watches, _LONGEST_WATCH)):
                task = asyncio.create_task(_close_after(session, longest))
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
            self._install(configuration)
            return True

    def observe(self, method: str, label: str, status: int, seconds: float) -> None:
        if self._observer:
            self._observer(method, label, status, seconds)

    async def close(self) -> None:
        retired = list(self._retired)
        for task in retired:
            task.cancel()
        await asyncio.gather(*retired, return_exceptions=True)
        await self.session.close()
        await self.watches.close()


async def _close_after(session: aiohttp.ClientSession, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        await session.close()


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """The body in a form that aiohttp sends in pieces if it is large: at once, it would hold up the loop."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


async def _load(access: Access) -> Configuration:
    configuration = Configuration()
    # Proxies and .netrc of the environment must not see or change what goes to the API server.
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        if access.kubeconfig or access.context or "KUBERNETES_SERVICE_HOST" not in os.environ:
            _must_be_there(access)
            await load_kube_config(
                config_file=str(access.kubeconfig) if access.kubeconfig else os.environ.get("KUBECONFIG"),
                context=access.context,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError, TypeError, AttributeError, yaml.YAMLError) as error:
        # The client raises TypeError or AttributeError for a file that is missing or empty.
        raise _unusable(access, f"no usable kubeconfig: {_first_line(error)}") from error
    configuration.connection_pool_maxsize = 0  # no limit: who writes at once is decided elsewhere
    return configuration


def _must_be_there(access: Access) -> None:
    """The client only logs that a file or a context is missing, and then stumbles over nothing."""
    places = str(access.kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube/config")
    if not any(Path(place).expanduser().exists() for place in places.split(os.pathsep) if place):
        raise _unusable(access, "there is no such kubeconfig")
    contexts, _ = list_kube_config_contexts(places) if access.context else ([], None)
    names = sorted(str(one["name"]) for one in contexts)
    if access.context and access.context not in names:
        listed = ", ".join(names) or "none"
        raise _unusable(access, f"there is no context {access.context}", f"choose one of: {listed}")


def _unusable(access: Access, message: str, advice: str = "") -> GitopsError:
    where = str(access.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
    advice = advice or "name one with --kubeconfig or $KUBECONFIG"
    return fail(Reason.API_UNAVAILABLE, message, Blame.CREDENTIALS, where=where, advice=advice)


def _first_line(error: Exception) -> str:
    """What follows may quote the file, which holds credentials."""
    if isinstance(error, TypeError | AttributeError):
        return "it is empty or incomplete"
    return (str(error).splitlines() or [type(error).__name__])[0]
