"""The Application as the rest of the program sees it: parsed once, typed, frozen."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from gitops.api.group import API_VERSION, KIND, NAME_LIMIT
from gitops.api.spec import Spec
from gitops.api.status import Status


class InvalidApplication(ValueError):
    """What is wrong, as pairs of field path (`spec.sync.prune`) and message; at least one."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {message}" if field else message for field, message in faults))
        self.faults = tuple(faults)

    @property
    def field(self) -> str:
        """Path of the first faulty field; empty if it is the object as a whole."""
        return self.faults[0][0]

    @property
    def message(self) -> str:
        return self.faults[0][1]


class Metadata(BaseModel):
    """The part of `metav1.ObjectMeta` that is of use."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )

    name: str = Field(min_length=1)
    namespace: str = ""  # empty only in a file, where the context decides
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    finalizers: tuple[str, ...] = ()
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None


class Application(BaseModel):
    """One Application: what it is called, what is asked for, what was reported."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    metadata: Metadata
    spec: Spec
    status: Status = Status()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read an object from the API server or from a file.

        A status that can't be read counts as none: it is a cache, and must not be the reason
        why an Application is no longer looked after.

        Raises:
            InvalidApplication: with every fault that the API server would find too.
        """
        for field, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
            if document.get(field) != expected:
                raise InvalidApplication([(field, f"must be {expected}")])
        try:
            application = cls.model_validate(
                {key: document[key] for key in ("metadata", "spec") if key in document}
            )
        except ValidationError as error:
            raise InvalidApplication([_fault(detail) for detail in error.errors(include_url=False)]) from None
        if len(application.metadata.name) > NAME_LIMIT:
            raise InvalidApplication([("metadata.name", f"must be at most {NAME_LIMIT} characters long")])
        return application.model_copy(update={"status": _status(document.get("status"))})

    @property
    def destination_namespace(self) -> str:
        """Where namespaced objects go that name no namespace."""
        return self.spec.destination.namespace or self.metadata.namespace


def _status(document: Any) -> Status:
    try:
        return Status.model_validate(document or {})
    except ValidationError:
        return Status()


def _fault(detail: Any) -> tuple[str, str]:
    """Field path in the API server's spelling, and the message; never the input, which may be a secret."""
    path = ""
    for part in detail["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    message = "unknown field" if detail["type"] == "extra_forbidden" else detail["msg"]
    return path, message
