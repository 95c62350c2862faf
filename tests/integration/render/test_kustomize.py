"""Kustomizations, built by the real tool from exactly the files that they refer to."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops.core.problem import Reason
from gitops.core.render_options import KustomizeOptions

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: "example.com/app:1"}]
"""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: b}\n"


async def test_an_overlay_reads_bases_outside_of_its_folder_and_nothing_else(
    render: Callable[..., Any],
) -> None:
    done = await render(
        {
            "apps/web/prod/kustomization.yaml": """
                resources: [../base]
                components: [../../../components/extra]
                patches: [{path: ../../../patches/replicas.yaml}]
                configMapGenerator: [{name: made, files: [key=../../../files/one.txt], envs: [env]}]
            """,
            "apps/web/prod/env": "MODE=prod\n",
            "apps/web/base/kustomization.yml": "resources: [web.yaml, ../../../lone/plain.yaml]\n",
            "apps/web/base/web.yaml": DEPLOYMENT,
            "lone/plain.yaml": CONFIG_MAP,
            "lone/unrelated.yaml": "x",
            "components/extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
            "kind: Component\nlabels: [{pairs: {team: shop}}]\n",
            "patches/replicas.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, "
            "spec: {replicas: 5}}",
            "files/one.txt": "1",
            "files/two.txt": "2",
        },
        "apps/web/prod",
    )
    assert done.renderer == "kustomize"
    bodies = {
        each.kind + "/" + each.name.split("-")[0]: json.loads(each.body) for each in done.rendered.manifests
    }
    assert bodies["Deployment/web"]["spec"]["replicas"] == 5
    assert bodies["ConfigMap/made"]["data"] == {"key": "1", "MODE": "prod"}
    assert bodies["ConfigMap/plain"]["metadata"]["labels"] == {"team": "shop"}
    assert {each.origin for each in done.rendered.manifests} == {"apps/web/prod/kustomization.yaml"}
    assert set(done.reads) == {
        "apps/web/prod",
        "apps/web/base",
        "components/extra",
        "files/one.txt",
        "lone/plain.yaml",
        "patches/replicas.yaml",
    }


async def test_a_transformers_own_file_is_followed(render: Callable[..., Any]) -> None:
    files = {
        "app/kustomization.yaml": "resources: [web.yaml]\ntransformers: [t.yaml]\n",
        "app/web.yaml": DEPLOYMENT,
        "app/t.yaml": "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: r}\n"
        "replacements: [{path: ../shared/r.yaml}]\n",
        "shared/r.yaml": "source: {kind: Deployment, name: web, fieldPath: metadata.name}\n"
        "targets: [{select: {kind: Deployment}, fieldPaths: [metadata.annotations.n], "
        "options: {create: true}}]\n",
    }
    done = await render(files)
    assert json.loads(done.rendered.manifests[0].metadata)["annotations"] == {"n": "web"}
    assert set(done.reads) == {"app", "shared/r.yaml"}


async def test_options_are_laid_over_without_changing_the_source(render: Callable[..., Any]) -> None:
    options = KustomizeOptions(
        images=("example.com/app=mirror.example.com/app:2",), name_prefix="eu-", name_suffix="-1"
    )
    done = await render(
        {"app/kustomization.yaml": "resources: [web.yaml]", "app/web.yaml": DEPLOYMENT}, kustomize=options
    )
    (manifest,) = done.rendered.manifests
    assert manifest.name == "eu-web-1"
    assert b'"image":"mirror.example.com/app:2"' in manifest.rest


async def test_a_kustomization_at_the_root_can_have_options(render: Callable[..., Any]) -> None:
    files = {"kustomization.yaml": "resources: [web.yaml]", "web.yaml": DEPLOYMENT}
    done = await render(files, "", kustomize=KustomizeOptions(name_prefix="x-"))
    assert done.rendered.manifests[0].name == "x-web"


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: ['https://example.com/app.yaml']",
        "resources: ['github.com/example/app//deploy?ref=v1']",
        "bases: ['git::https://example.com/app.git']",
        "resources: ['git@example.com:app.git']",
        "helmCharts: [{name: web, repo: 'https://example.com'}]",
        'generators: ["kind: HelmChartInflationGenerator\\napiVersion: builtin\\nname: y\\n"]',
    ],
)
async def test_what_would_have_to_be_fetched_is_refused(
    failure: Callable[..., Any], kustomization: str
) -> None:
    error = await failure({"app/kustomization.yaml": kustomization})
    assert error.problem.reason is Reason.UNSUPPORTED_SOURCE
    assert error.problem.where == "app/kustomization.yaml"
    assert error.problem.advice


async def test_an_exec_plugin_is_refused(failure: Callable[..., Any]) -> None:
    plugin = (
        "apiVersion: example.com/v1\nkind: Run\nmetadata:\n  name: x\n  annotations:\n"
        "    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n"
    )
    files = {
        "app/kustomization.yaml": "generators: [p.yaml]",
        "app/p.yaml": plugin,
        "app/run.sh": "#!/bin/sh\n",
    }
    error = await failure(files)
    assert error.problem.reason in (Reason.UNSUPPORTED_SOURCE, Reason.RENDER_FAILED)


async def test_all_references_that_lead_nowhere_are_told(failure: Callable[..., Any]) -> None:
    error = await failure(
        {
            "app/kustomization.yaml": "resources: [../base, none.yaml]",
            "base/kustomization.yaml": "patches: [{path: gone.yaml}]",
        }
    )
    assert [str(each) for each in error.problems] == [
        "app/kustomization.yaml: there is no none.yaml (it would be app/none.yaml)",
        "base/kustomization.yaml: there is no gone.yaml (it would be base/gone.yaml)",
    ]


async def test_the_tools_own_error_names_no_temporary_folder(failure: Callable[..., Any]) -> None:
    files = {"app/kustomization.yaml": "resources: [a.yaml]\nnoSuchField: 1\n", "app/a.yaml": CONFIG_MAP}
    first, second = await failure(files), await failure(files)
    assert first.problem.reason is Reason.RENDER_FAILED
    assert "noSuchField" in first.problem.message
    assert "gitops-render-" not in str(first)
    assert str(first) == str(second)
