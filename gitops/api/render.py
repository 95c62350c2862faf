"""What a user writes about rendering: `spec.render` of an Application."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from gitops.api.rules import (
    CEL_KEY,
    DataKey,
    Glob,
    NamePart,
    ObjectName,
    RelativeFile,
    ReleaseName,
    TargetPath,
)
from gitops.api.spec_model import SpecModel


class KustomizeImage(SpecModel):
    """One entry of a kustomization's `images`."""

    name: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Image to change, as the manifests name it, without tag. At most 512 characters."
    )
    new_name: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="Name to put in its place. Default: unchanged. At most 512 characters."
    )
    new_tag: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None, description="Tag to put in its place. Default: unchanged. At most 128 characters."
    )
    digest: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="Digest to use instead of a tag, like sha256:24a0c4b4…. At most 256 characters.",
    )


class Kustomize(SpecModel):
    """Options of `kustomize build`."""

    images: Annotated[tuple[KustomizeImage, ...], Field(max_length=100)] = Field(
        default=(),
        description="Images to replace, as in a kustomization's own `images`. At most 100, each name once.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    name_prefix: NamePart | None = Field(
        default=None, description="Put before the name of every object. At most 63 characters."
    )
    name_suffix: NamePart | None = Field(
        default=None, description="Put after the name of every object. At most 63 characters."
    )

    @model_validator(mode="after")
    def _names_once(self) -> "Kustomize":
        if len({image.name for image in self.images}) < len(self.images):
            raise PydanticCustomError("rule", "names an image twice in images")
        return self


class ValuesKind(StrEnum):
    """What values can come from."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 (a kind)


class ValuesReference(SpecModel):
    """Values from one key of a ConfigMap or Secret."""

    kind: ValuesKind = Field(description="ConfigMap or Secret.")
    name: ObjectName = Field(
        description=(
            "Its name, in the Application's namespace. It is read as spec.serviceAccountName, which needs "
            "get, list and watch on it; a change of it renders anew at once."
        )
    )
    values_key: DataKey = Field(
        default="values.yaml", description="Key of its data that holds the values. At most 253 characters."
    )
    target_path: TargetPath | None = Field(
        default=None,
        description=(
            "Takes the key's content as a single string, as it is, and puts it here: names joined by dots, "
            "like auth.password; a dot inside of a name is written \\. . Default: the content is a YAML "
            "mapping of values. At most 250 characters."
        ),
    )
    optional: StrictBool = Field(
        default=False,
        description="Leaves it out when the object or the key is not there, instead of waiting for it.",
    )


class Helm(SpecModel):
    """Options of `helm template`."""

    release_name: ReleaseName | None = Field(
        default=None,
        description="The release's name. Default: the Application's name. At most 53 characters.",
    )
    values_files: Annotated[tuple[RelativeFile, ...], Field(max_length=50)] = Field(
        default=(),
        description=(
            "Value files, relative to spec.source.path and inside the repository; later ones win. Each must "
            "exist. At most 50."
        ),
    )
    values_from: Annotated[tuple[ValuesReference, ...], Field(max_length=20)] = Field(
        default=(),
        description=(
            "Values from ConfigMaps and Secrets of the Application's namespace, which win over valuesFiles; "
            "later ones win. What comes from Secrets is shown nowhere. At most 20."
        ),
    )
    values: dict[str, Any] = Field(
        default={},
        description=(
            "Values, any structure, which win over valuesFiles and valuesFrom. Don't put secrets here: "
            "whoever can read the Application reads them."
        ),
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Plain(SpecModel):
    """Which files hold manifests."""

    include: Annotated[tuple[Glob, ...], Field(max_length=50)] = Field(
        default=(),
        description=(
            "Patterns of files to read, relative to spec.source.path; ** stands for any number of "
            "folders. Default: every *.yaml, *.yml and *.json below the path, except dot files. At most 50."
        ),
    )
    exclude: Annotated[tuple[Glob, ...], Field(max_length=50)] = Field(
        default=(), description="Patterns of files to leave out; wins over include. At most 50."
    )


_ONE_RENDERER = "at most one of kustomize, helm and plain can be set; leave all out to have it detected"


class Render(SpecModel):
    """How the folder becomes objects; at most one of the renderers."""

    model_config = ConfigDict(
        json_schema_extra={
            CEL_KEY: [
                {
                    "rule": "[has(self.kustomize), has(self.helm), has(self.plain)].filter(x, x).size() <= 1",
                    "message": _ONE_RENDERER,
                }
            ]
        }
    )

    kustomize: Kustomize | None = Field(
        default=None, description="Render with Kustomize; the path holds a kustomization.yaml."
    )
    helm: Helm | None = Field(default=None, description="Render with Helm; the path holds a Chart.yaml.")
    plain: Plain | None = Field(default=None, description="Read plain YAML and JSON files below the path.")

    @model_validator(mode="after")
    def _at_most_one(self) -> "Render":
        if sum(option is not None for option in (self.kustomize, self.helm, self.plain)) > 1:
            raise PydanticCustomError("rule", "{message}", {"message": _ONE_RENDERER})
        return self
