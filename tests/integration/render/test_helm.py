"""Charts, templated by the real tool."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops.core.model import Json
from gitops.core.problem import Blame, GitopsError, Reason
from gitops.core.render_options import GivenValues, HelmOptions
from gitops.render.errors import problems_of

CHART = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


def config_map(name: str, value: str = "b") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: {value}\n"


def data(done: Any) -> dict[str, Any]:
    return {each.name: json.loads(each.body).get("data") for each in done.rendered.manifests}


async def test_a_chart_gets_release_namespace_values_and_value_files(render: Callable[..., Any]) -> None:
    keys = ("default", "file", "outside", "inline")
    template = config_map("{{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}").replace(
        "  a: b\n", ""
    )
    template += "".join(f"  {key}: {{{{ .Values.{key} | quote }}}}\n" for key in keys)
    done = await render(
        {
            "app/Chart.yaml": CHART,
            "app/values.yaml": "default: d\nfile: d\noutside: d\ninline: d\n",
            "app/values-prod.yaml": "file: f\noutside: f\ninline: f\n",
            "app/templates/a.yaml": template,
            "values/eu.yaml": "outside: o\ninline: o\n",
            "values/us.yaml": "x",
        },
        helm=HelmOptions(values_files=("values-prod.yaml", "../values/eu.yaml"), values={"inline": "i"}),
    )
    assert done.renderer == "helm"
    (manifest,) = done.rendered.manifests
    assert (manifest.name, manifest.namespace, manifest.origin) == ("web", "shop", "app/templates/a.yaml")
    assert data(done)["web"] == {"default": "d", "file": "f", "outside": "o", "inline": "i"}
    assert set(done.reads) == {"app", "values/eu.yaml"}


async def test_values_keep_their_types(render: Callable[..., Any]) -> None:
    template = config_map("web", '{{ printf "%v %v %v" .Values.t .Values.n .Values.s | quote }}')
    values: dict[str, Json] = {"t": True, "n": 12, "s": "012"}
    done = await render(
        {"app/Chart.yaml": CHART, "app/templates/a.yaml": template}, helm=HelmOptions(values=values)
    )
    assert data(done) == {"web": {"a": "true 12 012"}}


async def test_crds_and_local_dependencies_are_part_of_it(render: Callable[..., Any]) -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    crd += "metadata: {name: x.example.com}\nspec: {}\n"
    done = await render(
        {
            "app/Chart.yaml": CHART
            + "dependencies:\n- {name: lib, version: 1.x, repository: 'file://../libs/lib'}\n"
            + "- {name: vendored, version: 1.0.0, repository: 'https://charts.example.com'}\n",
            "app/crds/x.yaml": crd,
            "app/templates/a.yaml": config_map("web", '{{ include "lib.text" . }}'),
            "app/charts/vendored/Chart.yaml": CHART.replace("web", "vendored"),
            "app/charts/vendored/templates/v.yaml": config_map("vendored"),
            "libs/lib/Chart.yaml": CHART.replace("web", "lib")
            + "dependencies: [{name: deep, version: 1.0.0, repository: 'file://../deep'}]",
            "libs/lib/templates/_helpers.tpl": '{{ define "lib.text" }}from-lib{{ end }}',
            "libs/deep/Chart.yaml": CHART.replace("web", "deep"),
            "libs/deep/templates/d.yaml": config_map("deep"),
            "libs/unused/Chart.yaml": CHART,
        }
    )
    origins = {each.name: each.origin for each in done.rendered.manifests}
    assert origins == {
        "x.example.com": "app/crds/x.yaml",
        "web": "app/templates/a.yaml",
        "vendored": "app/charts/vendored/templates/v.yaml",
        "deep": "app/charts/lib/charts/deep/templates/d.yaml",
    }
    assert data(done)["web"] == {"a": "from-lib"}
    assert set(done.reads) == {"app", "libs/lib", "libs/deep"}


async def test_the_targets_version_and_apis_are_what_the_chart_sees(render: Callable[..., Any]) -> None:
    text = '{{ .Capabilities.KubeVersion.Version }}-{{ .Capabilities.APIVersions.Has "example.com/v1" }}'
    files = {"app/Chart.yaml": CHART, "app/templates/a.yaml": config_map("web", text)}
    options = HelmOptions(kube_version="1.31.5", api_versions=("example.com/v1",))
    assert data(await render(files, helm=options)) == {"web": {"a": "v1.31.5-true"}}


async def test_hooks_are_rendered_and_tests_are_not(render: Callable[..., Any]) -> None:
    def hook(name: str, event: str) -> str:
        return config_map(name).replace("\ndata:", f"\n  annotations: {{helm.sh/hook: {event}}}\ndata:")

    done = await render(
        {
            "app/Chart.yaml": CHART,
            "app/templates/a.yaml": config_map("a"),
            "app/templates/migrate.yaml": hook("migrate", "pre-upgrade"),
            "app/templates/tests/t.yaml": hook("t", "test"),
        }
    )
    assert sorted(each.name for each in done.rendered.manifests) == ["a", "migrate"]
    assert done.rendered.warnings == ()


async def test_a_dependency_that_is_not_vendored_comes_with_advice(failure: Callable[..., Any]) -> None:
    chart = CHART + "dependencies: [{name: redis, version: 1.0.0, repository: 'https://charts.example.com'}]"
    error = await failure({"app/Chart.yaml": chart, "app/templates/a.yaml": ""})
    assert error.problem.reason is Reason.RENDER_FAILED
    assert error.problem.where == "app/Chart.yaml"
    assert "redis" in error.problem.message
    assert "helm dependency build" in error.problem.advice


async def test_an_error_of_a_template_has_its_place(failure: Callable[..., Any]) -> None:
    async def place(template: str) -> str:
        error = await failure({"app/Chart.yaml": CHART, "app/templates/a.yaml": template})
        assert error.problem.reason is Reason.RENDER_FAILED
        assert "gitops-render-" not in str(error)
        return str(error.problem.where)

    assert await place("a: 1\nb: {{ .Values.a.b.c }}\n") == "app/templates/a.yaml:2"
    assert await place("a: 1\nb: {{ .Values.a \n") == "app/templates/a.yaml:3"
    assert await place('a: {{ fail "no" }}\n') == "app/templates/a.yaml:1"
    assert await place("a: 1\n b: 2: 3\n") == "app/templates/a.yaml"


async def test_a_value_files_absence_is_the_specs_fault(failure: Callable[..., Any]) -> None:
    error = await failure({"app/Chart.yaml": CHART}, helm=HelmOptions(values_files=("../values/none.yaml",)))
    assert error.problem.reason is Reason.PATH_NOT_FOUND
    assert error.problem.blame is Blame.SPEC
    assert "values/none.yaml" in error.problem.message
    assert error.reads["values/none.yaml"] is None


async def test_a_release_name_that_helm_would_refuse_is_told_before(failure: Callable[..., Any]) -> None:
    error = await failure({"app/Chart.yaml": CHART}, helm=HelmOptions(release_name="x" * 54))
    assert error.problem.where == "spec.render.helm.releaseName"


async def test_a_key_that_a_template_writes_twice_has_its_place(failure: Callable[..., Any]) -> None:
    template = config_map("a") + "---\n" + config_map("b") + "  a: again\n"
    error = await failure({"app/Chart.yaml": CHART, "app/templates/a.yaml": template})
    assert error.problem.reason is Reason.INVALID_MANIFEST
    assert error.problem.where == "app/templates/a.yaml (its output):7"
    assert "first in line 6" in error.problem.message


def from_object(text: str, *, secret: bool = False, path: str = "") -> GivenValues:
    """Values as the controller hands them over."""
    return GivenValues("spec.render.helm.valuesFrom[0]", "key v of the Secret s/v", text, path, secret, "x")


async def test_values_from_objects_win_over_files_and_inline_ones_over_them(
    render: Callable[..., Any],
) -> None:
    keys = ("file", "first", "second", "inline", "deep")
    template = config_map("web").replace("  a: b\n", "")
    template += "".join(f"  {key}: {{{{ .Values.{key} | quote }}}}\n" for key in keys[:-1])
    template += '  deep: {{ index .Values.auth "a.b" "password" | quote }}\n'
    done = await render(
        {
            "app/Chart.yaml": CHART,
            "app/values-prod.yaml": "file: f\nfirst: f\nsecond: f\ninline: f\n",
            "app/templates/a.yaml": template,
        },
        helm=HelmOptions(
            values_files=("values-prod.yaml",),
            values={"inline": "i"},
            values_from=(
                from_object("first: 1st\nsecond: 1st\ninline: 1st\n"),
                from_object("second: 2nd\ninline: 2nd\n"),
                from_object("007: it's text\n", path=r"auth.a\.b.password"),
                from_object(""),
            ),
        ),
    )
    assert data(done)["web"] == {
        "file": "f",
        "first": "1st",
        "second": "2nd",
        "inline": "i",
        "deep": "007: it's text\n",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 'hunter2\nb: c\n", "is not valid YAML (line "),
        ("hunter2: 1\nhunter2: 2\n", "is not valid YAML (line 2)"),
        ("a: *hunter2\n", "is not valid YAML"),
        ("hunter2\n", "is no YAML mapping"),
        ("a: hunter2\n---\nb: 1\n", "has several YAML documents"),
    ],
)
async def test_broken_values_are_named_and_not_quoted(
    render: Callable[..., Any], text: str, says: str
) -> None:
    files = {"app/Chart.yaml": CHART, "app/templates/a.yaml": config_map("web")}
    with pytest.raises(GitopsError) as caught:
        await render(files, helm=HelmOptions(values_from=(from_object(text),)))
    problem = caught.value.problem
    assert (problem.reason, problem.blame) == (Reason.INVALID_VALUES, Blame.SPEC)
    assert problem.where == "spec.render.helm.valuesFrom[0]"
    assert f"key v of the Secret s/v {says}" in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    "line",
    [
        '{{ fail (printf "it is %s" .Values.auth.password) }}',
        "{{ fail (.Values.auth.password | b64enc) }}",
        '{{ fail (printf "it is %v" .Values) }}',
        '{{ fail (printf "it is %v" .Values.auth.pin) }}',
        "{{ .Values.auth.password.nothing }}",
        '{{ fail (cat (repeat 1990 "x") .Values.auth.password) }}',
        "{{ .Values.auth.password }}: [",
        "kind: {{ .Values.auth.password | quote }}",
    ],
)
async def test_no_message_quotes_what_came_from_a_secret(render: Callable[..., Any], line: str) -> None:
    password = 'correct "horse" battery'
    values = from_object(f"auth:\n  password: '{password}'\n  pin: 1234567890\n", secret=True)
    files = {"app/Chart.yaml": CHART, "app/templates/a.yaml": f"{line}\n"}
    with pytest.raises(GitopsError) as caught:
        await render(files, helm=HelmOptions(values_from=(values,)))
    told = " ".join(str(one) for one in problems_of(caught.value))
    encoded = base64.b64encode(password.encode()).decode()
    for part in ("correct", "horse", "battery", "1234567890", "1.23456789e+09", encoded):
        assert part not in told
