"""Validation rules said once: as CEL for the API server, and as the same check in Python.

The API server's own words for a failed pattern ("should match '^(?:…'") help nobody, so
patterns stand in CEL rules, which carry a message that says what would be right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from gitops.api.group import NAME_LIMIT

CEL_KEY = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule for one field, put into its `Annotated` type."""

    cel: str
    message: str
    check: Callable[[str], bool]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        result = handler(schema)
        result.setdefault(CEL_KEY, []).append({"rule": self.cel, "message": self.message})
        return result

    def _validate(self, value: str) -> str:
        if not self.check(value):
            # A brace would be read as a placeholder of the message, hence the context.
            raise PydanticCustomError("rule", "{message}", {"message": self.message})
        return value


def matches(pattern: str, message: str) -> Rule:
    """A rule that the whole text matches `pattern`, which RE2 and Python must read alike."""
    compiled = re.compile(pattern)
    return Rule(f"self.matches(r'^(?:{pattern})$')", message, lambda text: bool(compiled.fullmatch(text)))


_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_LABEL_MESSAGE = (
    "must consist of lower-case letters, digits and '-', beginning and ending with a letter or digit"
)
_WITHOUT_CONTROLS = r"[^\x00-\x1f\x7f]"
_BLANK = r"\x00-\x20\x7f"
_HOST = "[A-Za-z0-9._-]"
_URL_REST = rf"[^{_BLANK}]+"
_REPOSITORY = "|".join(
    (
        rf"(?:https?|ssh)://[^/{_BLANK}-]{_URL_REST}",
        rf"file:///{_URL_REST}",
        # user@host:path; "//" after the colon would be some other scheme, "::" a remote helper.
        rf"(?:[A-Za-z0-9._]{_HOST}*@)?[A-Za-z0-9]{_HOST}*:(?:[^:/{_BLANK}]|/[^/{_BLANK}])[^{_BLANK}]*",
    )
)
# A user without a password is an ssh matter; over HTTP it is often a token in disguise.
_CREDENTIALS_IN_URL = r"(?:https?://[^/?#]*@|ssh://[^/?#@]*:[^/?#]*@).*"


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


def _has_no_credentials(url: str) -> bool:
    return re.fullmatch(_CREDENTIALS_IN_URL, url) is None


Repository = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    matches(
        _REPOSITORY,
        "must be an https://, http://, ssh:// or file:/// URL or user@host:path, without spaces; "
        "for example https://git.example.com/shop.git",
    ),
    Rule(
        f"!self.matches(r'^(?:{_CREDENTIALS_IN_URL})$')",
        "must not hold credentials; put them into a Secret and name it in spec.source.credentials.secretName",
        _has_no_credentials,
    ),
]
Revision = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matches(
        rf"[^-\x00-\x20\x7f]{_WITHOUT_CONTROLS}*",
        "must be a branch, a tag, a full commit SHA or a range of versions like '>=1.2 <2'; "
        "it can't start with '-' or a space",
    ),
]
_NO_WAY_OUT = (
    Rule(
        "!self.startsWith('/') && self.split('/').all(part, part != '..')",
        "must be relative to the repository's root, without a leading '/' and without '..'; "
        "for example deploy/prod",
        _is_inside,
    ),
    matches(f"{_WITHOUT_CONTROLS}*", "must not hold control characters"),
)
RepositoryPath = Annotated[str, Field(max_length=1024), *_NO_WAY_OUT]
RelativeFile = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    matches(
        rf"[^-/\x00-\x1f\x7f]{_WITHOUT_CONTROLS}*",
        "must be a path relative to spec.source.path; it can't start with '/' or '-'",
    ),
]
Glob = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matches(
        rf"[^/\x00-\x1f\x7f]{_WITHOUT_CONTROLS}*",
        "must be a pattern relative to spec.source.path, like overlays/**/*.yaml; it can't start with '/'",
    ),
]
Label = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matches(_LABEL, _LABEL_MESSAGE),
]
ReleaseName = Annotated[
    str,
    Field(min_length=1, max_length=53),
    matches(_LABEL, _LABEL_MESSAGE),
]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matches(
        rf"{_LABEL}(?:\.{_LABEL})*",
        "must be a Kubernetes name: lower-case letters, digits, '-' and '.', "
        "beginning and ending with a letter or digit",
    ),
]
DataKey = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matches("[-._a-zA-Z0-9]+", "must be a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'"),
]
_TARGET_PART = r"(?:[^\x00-\x1f\x7f.\\\[\]]|\\.)+"
TargetPath = Annotated[
    str,
    Field(min_length=1, max_length=250),
    matches(
        rf"{_TARGET_PART}(?:\.{_TARGET_PART})*",
        r"must be names joined by dots, like auth.password; a dot inside of a name is written \.",
    ),
]
ApplicationName = Annotated[
    str,
    Field(min_length=1, max_length=NAME_LIMIT),
    matches(
        rf"{_LABEL}(?:\.{_LABEL})*",
        "must be the name of an Application: lower-case letters, digits, '-' and '.', "
        "beginning and ending with a letter or digit",
    ),
]
NamePart = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matches("[-.a-z0-9]+", "must consist of lower-case letters, digits, '-' and '.'"),
]

# A field's name (~1 for a slash, ~0 for a tilde), and which items of a list are meant.
POINTER_PART = (
    r"/((?:[^~/\[\]\x00-\x1f\x7f]|~[01])+)"
    r"(\[[A-Za-z][-A-Za-z0-9]*=[^,=\[\]\x00-\x1f\x7f]+(?:,[A-Za-z][-A-Za-z0-9]*=[^,=\[\]\x00-\x1f\x7f]+)*\])?"
)
# Without these an object is not what it is, or no longer ours.
_ESSENTIAL = (
    r"/(?:apiVersion|kind)(?:[/\[].*)?|/metadata(?:/(?:name|namespace|uid|resourceVersion|managedFields|"
    r"labels|annotations|labels/applyset\.kubernetes\.io~1part-of|annotations/gitops\.dev~1applied))?"
)


def _is_spared(pointer: str) -> bool:
    return re.fullmatch(_ESSENTIAL, pointer) is None


Pointer = Annotated[
    str,
    Field(min_length=2, max_length=256),
    matches(
        f"(?:{POINTER_PART})+",
        "must be a path like /spec/replicas or /spec/template/spec/containers[name=app]/image: fields after "
        "'/', list items by the value of a field in brackets, '~1' for a slash within a name",
    ),
    Rule(
        f"!self.matches(r'^(?:{_ESSENTIAL})$')",
        "can't be ignored: it makes the object what it is; of labels and annotations name single ones, "
        "like /metadata/annotations/example.com~1note",
        _is_spared,
    ),
]
ManagerName = Annotated[
    str,
    Field(min_length=1, max_length=128),
    matches(r"[^\x00-\x1f\x7f]+", "must not hold control characters"),
]
KindName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matches("[A-Z][A-Za-z0-9]*", "must be a kind like Deployment, without group and version"),
]
GroupName = Annotated[
    str,
    Field(max_length=253),
    matches(
        rf"(?:{_LABEL}(?:\.{_LABEL})*)?",
        "must be an API group like apps, without a version; empty for the core group",
    ),
]

_DURATION_PART = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(ms|h|m|s)"
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_MESSAGE = "must be a duration greater than zero, like 90s, 10m or 1h30m"


def seconds(duration: str) -> float:
    """Seconds in a duration that was validated: `1h30m` → 5400.0."""
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in re.findall(_DURATION_PART, duration))


def is_duration(text: str) -> bool:
    """Whether a text is a duration greater than zero."""
    return bool(re.fullmatch(rf"(?:{_DURATION_PART})+", text)) and seconds(text) > 0


Duration = Annotated[
    str,
    # Neither 12 characters nor 6 digits each overflow CEL's duration: 64 bits of nanoseconds.
    Field(min_length=2, max_length=12),
    matches(rf"(?:{_DURATION_PART})+", _DURATION_MESSAGE),
    Rule(
        f"!self.matches(r'^(?:{_DURATION_PART})+$') || duration(self) > duration('0s')",
        _DURATION_MESSAGE,
        lambda text: seconds(text) > 0,
    ),
]
