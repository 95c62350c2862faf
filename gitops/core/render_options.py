"""How a source is rendered: the options of each renderer, and their canonical form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gitops.core.model import Json

Renderer: TypeAlias = Literal["auto", "plain", "kustomize", "helm"]
RendererUsed: TypeAlias = Literal["plain", "kustomize", "helm"]


@dataclass(frozen=True, slots=True)
class PlainOptions:
    """Which files of a folder are manifests: globs relative to the source path.

    A pattern without `/` is compared with the file's name, one with `/` with the whole
    relative path; `**` matches any number of folders. A pattern that matches a folder
    stands for all files in it. No `include` means all of them; `exclude` wins.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KustomizeOptions:
    """What is laid over a kustomization; images as in `kustomize edit set image`."""

    images: tuple[str, ...] = ()
    name_prefix: str = ""
    name_suffix: str = ""


@dataclass(frozen=True, slots=True)
class GivenValues:
    """Values from a ConfigMap or Secret, as text; with a `target_path` a single string.

    `mark` stands for the text in the render key: from it, a Secret's text can't be guessed.
    """

    where: str  # the field of the spec
    origin: str  # "key values.yaml of the Secret shop/web"
    text: str = field(repr=False)
    target_path: str
    secret: bool
    mark: str


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """What `helm template` is given.

    `values_files` are relative to the source path and may leave it by `../`; `values_from` win
    over them, and `values` over both. `kube_version` and `api_versions` are the target cluster's;
    None leaves Helm's own defaults.
    """

    release_name: str = ""  # empty: the Application's name
    values_files: tuple[str, ...] = ()
    values: Mapping[str, Json] = field(default_factory=dict, repr=False)
    kube_version: str | None = None
    api_versions: tuple[str, ...] | None = None
    values_from: tuple[GivenValues, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """All that an Application says about rendering; only the used renderer's part counts."""

    renderer: Renderer = "auto"
    plain: PlainOptions = field(default_factory=PlainOptions)
    kustomize: KustomizeOptions = field(default_factory=KustomizeOptions)
    helm: HelmOptions = field(default_factory=HelmOptions)


def canonical_options(options: RenderOptions, used: RendererUsed) -> bytes:
    """The options that `used` looks at, as JSON whose bytes are equal when they are."""
    fields: dict[str, Json]
    if used == "plain":
        fields = {"include": list(options.plain.include), "exclude": list(options.plain.exclude)}
    elif used == "kustomize":
        fields = {
            "images": list(options.kustomize.images),
            "namePrefix": options.kustomize.name_prefix,
            "nameSuffix": options.kustomize.name_suffix,
        }
    else:
        versions: Json = None
        if options.helm.api_versions is not None:
            versions = [*sorted(options.helm.api_versions)]
        fields = {
            "releaseName": options.helm.release_name,
            "valuesFiles": list(options.helm.values_files),
            "values": dict(options.helm.values),
            "kubeVersion": options.helm.kube_version,
            "apiVersions": versions,
        }
        if options.helm.values_from:
            fields["valuesFrom"] = [[one.target_path, one.mark] for one in options.helm.values_from]
    return json.dumps({used: fields}, sort_keys=True, separators=(",", ":")).encode()
