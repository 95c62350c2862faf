"""A diff in each of its formats, compared with what was once looked at and found good (`diff_golden/`).

To accept a new output, write what the test prints into the file it names.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitops.cli import diff_text
from gitops.cli.diff_data import as_data
from gitops.cli.diff_markdown import LONGEST, as_markdown
from gitops.cli.diff_revisions import Pair, Sides, report_of
from gitops.cli.diff_values import Report
from gitops.cli.look import Screen
from gitops.core.model import ObjectKey

GOLDEN = Path(__file__).parent / "diff_golden"
SIDES = Sides(None, None, "a" * 40, "b" * 40)
LONG = "n" * 63
ORDERS = ("\x1b]0;title\x07", "\x9b2J\r")


def obj(kind: str, name: str, **rest: Any) -> dict[str, Any]:
    api = {"Deployment": "apps/v1", "PersistentVolumeClaim": "v1"}.get(kind, "v1")
    labels = rest.pop("labels", None)
    metadata = {"name": name, "namespace": "shop", **({"labels": labels} if labels else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def deployment(name: str, image: str, chart: str = "shop-1") -> dict[str, Any]:
    pod = {"containers": [{"name": "web", "image": image}]}
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": name}}, "template": {"spec": pod}}
    return obj("Deployment", name, labels={"helm.sh/chart": chart}, spec=spec)


def pair(before: dict[str, Any] | None, after: dict[str, Any] | None, live: Any = None) -> Pair:
    one = after or before or {}
    group = one["apiVersion"].rpartition("/")[0]
    return Pair(ObjectKey(group, one["kind"], "shop", one["metadata"]["name"]), before, after, live)


def drifted(name: str) -> dict[str, Any]:
    live = deployment(name, "web:1")
    live["spec"]["replicas"] = 5
    entry = {
        "manager": "kubectl-edit",
        "operation": "Update",
        "time": "2026-01-02T03:04:05Z",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    live["metadata"]["managedFields"] = [entry]
    return live


def main_case() -> Report:
    script = "#!/bin/sh\necho one\necho two\n```\nexit 0\n"
    charts = [{"helm.sh/chart": "shop-1"}, {"helm.sh/chart": "shop-2"}]
    pairs = [
        pair(deployment("web", "web:1"), deployment("web", "web:2", "shop-2"), drifted("web")),
        pair(
            obj("ConfigMap", "run", data={"run.sh": script}),
            obj("ConfigMap", "run", data={"run.sh": script.replace("two", "TWO")}),
        ),
        pair(
            obj("Secret", "s", data={"same": "c2FtZQ==", "k": "b2xk"}, stringData={"t": "hunter2"}),
            obj("Secret", "s", data={"same": "c2FtZQ==", "k": "bmV3"}, stringData={"t": "hunter3"}),
        ),
        pair(obj("ConfigMap", "old", data={"a": "1", "b": "2"}), None),
        pair(None, obj("ConfigMap", LONG, data={"a": "1", "b": "2"})),
        pair(None, obj("ConfigMap", "fresh", data={"text": "one\ntwo\n"})),
        pair(obj("PersistentVolumeClaim", "data", spec={"accessModes": ["ReadWriteOnce"]}), None),
        *(
            pair(obj("ConfigMap", f"c{i}", labels=charts[0]), obj("ConfigMap", f"c{i}", labels=charts[1]))
            for i in range(3)
        ),
    ]
    return report_of("shop/shop", SIDES, pairs, hidden=(), live=True, warnings=["a warning"])


def as_text(report: Report, *, color: bool = False) -> str:
    return diff_text.as_text(report, Screen(color))


def test_the_text_is_as_it_was() -> None:
    assert as_text(main_case()) == (GOLDEN / "main.txt").read_text()


def test_no_value_gives_orders_to_a_terminal() -> None:
    sides = [
        obj("ConfigMap", "a", data={"x": f"one\ntwo{end}\n"}) for end in ("\x1b]0;title\x07", "\x9b2J\r")
    ]
    text = as_text(report_of("shop/shop", SIDES, [pair(*sides)], hidden=(), live=True))
    assert r"-two\x1b]0;title\x07" in text
    assert r"+two\x9b2J" in text
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\r"}


def test_the_markdown_is_as_it_was() -> None:
    assert as_markdown(main_case()) == (GOLDEN / "main.md").read_text()


def test_the_data_is_as_it_was_and_holds_every_change() -> None:
    data = as_data(main_case())
    assert data == json.loads((GOLDEN / "main.json").read_text())
    assert {step["object"]["name"] for step in data["steps"]} >= {"c0", "c1", "c2"}


def test_no_format_shows_a_value_of_a_secret_nor_what_an_equal_one_is() -> None:
    report = main_case()
    for text in (as_text(report), as_markdown(report), json.dumps(as_data(report))):
        assert not any(value in text for value in ("b2xk", "bmV3", "c2FtZQ", "hunter"))


def test_a_renamed_secret_shows_no_values_either() -> None:
    pairs = [pair(obj("Secret", "a", data={"k": "b2xk", "l": "eA=="}), None)]
    pairs += [pair(None, obj("Secret", "b", data={"k": "bmV3", "l": "eA=="}))]
    report = report_of("shop/shop", SIDES, pairs, hidden=(), live=False)
    text = as_text(report) + as_markdown(report) + json.dumps(as_data(report))
    assert "renamed from Secret shop/a" in text
    assert "/data/k: *** (changed)" in text
    assert "b2xk" not in text
    assert "bmV3" not in text
    assert "/data/l" not in text


def test_a_hidden_value_shows_nowhere() -> None:
    pairs = [pair(obj("ConfigMap", "a", data={"k": "x"}), obj("ConfigMap", "a", data={"k": "pw=opensesame"}))]
    report = report_of("shop/shop", SIDES, pairs, hidden=("opensesame",), live=False)
    assert "opensesame" not in as_text(report) + as_markdown(report) + json.dumps(as_data(report))


def test_a_long_comment_is_cut_and_says_how_much_is_left_out() -> None:
    pairs = [pair(None, obj("ConfigMap", f"{LONG[:60]}{i:03}", data={"k": "v" * 300})) for i in range(500)]
    text = as_markdown(report_of("shop/shop", SIDES, pairs, hidden=(), live=False))
    assert len(text) <= LONGEST
    assert "**Cut: " in text
    assert "of 500 sections" in text
    assert text.count("<details>") == text.count("</details>") > 10
    assert "500 to create" in text


def test_no_run_of_backticks_ends_a_code_block() -> None:
    before, after = (
        obj("ConfigMap", "a", data={"k": "x\n"}),
        obj("ConfigMap", "a", data={"k": "````\n</details>\n"}),
    )
    text = as_markdown(report_of("shop/shop", SIDES, [pair(before, after)], hidden=(), live=False))
    assert text.count("`````") == 2


def test_no_differences_are_one_line_and_no_table() -> None:
    report = report_of("shop/shop", SIDES, [], hidden=(), live=False)
    assert as_text(report).splitlines()[-1] == "no differences"
    assert "|---|" not in as_markdown(report)


def test_colours_are_of_the_basic_ones() -> None:
    text = as_text(main_case(), color=True)
    assert "\x1b[32m" in text
    assert not any(f"\x1b[{code}m" in text for code in (30, 37, 90, 97))


def test_a_workload_of_which_only_the_configuration_changes_is_shown_to_restart() -> None:
    same, used = deployment("web", "web:1"), ObjectKey("", "ConfigMap", "shop", "c")
    one = replace(pair(same, same), restart=(used,))
    text = as_text(report_of("shop/shop", SIDES, [one, pair(same, same)], hidden=(), live=True))
    assert "restarts, because ConfigMap shop/c changes" in text
    assert text.endswith("1 to update\n")
