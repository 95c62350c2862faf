"""The render key changes with everything that a render depends on, and with nothing else."""

import re
from dataclasses import replace

from gitops.core.render_options import (
    HelmOptions,
    KustomizeOptions,
    PlainOptions,
    RendererUsed,
    RenderOptions,
)
from gitops.core.renderkey import render_key

READS = {"deploy": "abc", "shared/values.yaml": "def"}


def key(
    reads: dict[str, str | None] | None = None,
    options: RenderOptions | None = None,
    used: RendererUsed = "plain",
    application: str = "shop/web",
    namespace: str = "shop",
    renderer_version: str = "1",
) -> str:
    return render_key(
        reads if reads is not None else dict(READS),
        options or RenderOptions(),
        used,
        application=application,
        namespace=namespace,
        renderer_version=renderer_version,
    )


def test_a_key_is_128_bits_in_lower_case_base32() -> None:
    assert re.fullmatch("[a-z2-7]{26}", key())


def test_the_order_of_the_reads_does_not_matter() -> None:
    assert key(dict(reversed(READS.items()))) == key()


def test_a_changed_added_or_vanished_read_changes_the_key() -> None:
    keys = {
        key(),
        key({**READS, "deploy": "xyz"}),
        key({**READS, "more": "abc"}),
        key({**READS, "more": None}),
        key({"deploy": "abc"}),
    }
    assert len(keys) == 5


def test_paths_and_digests_do_not_run_into_one_another() -> None:
    assert key({"ab": "c"}) != key({"a": "bc"})


def test_a_new_renderer_version_changes_the_key() -> None:
    assert key(renderer_version="2") != key()


def test_only_a_chart_can_see_release_and_namespace() -> None:
    assert key(application="shop/api", namespace="other") == key()
    assert key(used="helm", application="shop/api") != key(used="helm")
    assert key(used="helm", namespace="other") != key(used="helm")


def test_only_the_used_renderers_options_count() -> None:
    options = RenderOptions(
        plain=PlainOptions(exclude=("*.json",)),
        kustomize=KustomizeOptions(name_prefix="x-"),
        helm=HelmOptions(kube_version="1.37"),
    )
    for used, same in (
        ("plain", replace(RenderOptions(), plain=options.plain)),
        ("kustomize", replace(RenderOptions(), kustomize=options.kustomize)),
        ("helm", replace(RenderOptions(), helm=options.helm)),
    ):
        assert key(options=options, used=used) == key(options=same, used=used)  # type: ignore[arg-type]
        assert key(options=options, used=used) != key(used=used)  # type: ignore[arg-type]


def test_the_target_clusters_apis_count_whatever_their_order() -> None:
    def with_apis(*names: str) -> str:
        return key(options=RenderOptions(helm=HelmOptions(api_versions=names)), used="helm")

    assert with_apis("a/v1", "b/v1") == with_apis("b/v1", "a/v1")
    assert with_apis() != key(used="helm")  # no APIs at all, and Helm's defaults


def test_helm_values_count_with_their_types() -> None:
    def with_values(value: object) -> str:
        return key(options=RenderOptions(helm=HelmOptions(values={"a": value})), used="helm")  # type: ignore[dict-item]

    assert len({with_values(value) for value in ("1", 1, True, None, [1], {"1": 1})}) == 6
