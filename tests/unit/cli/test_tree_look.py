"""How a tree looks: from plain data, at the widths that people have."""

from datetime import UTC, datetime, timedelta

from gitops.cli.look import Screen
from gitops.cli.tree_look import as_data, drawn, flat, notes
from gitops.core.health import HEALTHY, Health, HealthState
from gitops.core.model import ObjectKey
from gitops.core.tree import Node, ordered

NOW = datetime(2026, 1, 10, tzinfo=UTC)
WHY = "container db: exited with code 1, 7 restarts, and the last line of what it said is long"


def node(kind: str, name: str, *children: Node, health: Health = HEALTHY, **more: object) -> Node:
    key = ObjectKey("", kind, "shop", name)
    return Node(key, health, NOW - timedelta(days=3), children=ordered(children), **more)  # type: ignore[arg-type]


def shop() -> Node:
    pod = node("Pod", "db-0", health=Health(HealthState.DEGRADED, WHY), ready="0/1", restarts=7)
    replicas = node("ReplicaSet", "web-2", node("Pod", "web-2-x", ready="1/1"), ready="1/1")
    old = [node("ReplicaSet", f"web-{n}", is_old=True, ready="0/0") for n in (0, 1)]
    return node(
        "Application",
        "shop",
        node("StatefulSet", "db", pod, health=Health(HealthState.PROGRESSING, "0 of 1 ready"), ready="0/1"),
        node("Deployment", "web", replicas, *old, ready="1/1"),
        node("ConfigMap", "settings"),
    )


AT_200 = f"""\
✔ Application shop/shop           3d
├─ ◐ StatefulSet db        0/1    3d  Progressing: 0 of 1 ready
│  └─ ✘ Pod db-0           0/1    3d    7 restarts  Degraded: {WHY}
├─ ✔ Deployment web        1/1    3d
│  ├─ ✔ ReplicaSet web-2   1/1    3d
│  │  └─ ✔ Pod web-2-x     1/1    3d
│  └─   2 old ReplicaSets
└─ ✔ ConfigMap settings           3d"""


def test_trouble_comes_first_and_old_replica_sets_are_one_line() -> None:
    text = "\n".join(drawn(shop(), Screen(width=200), NOW, everything=False))
    assert text == AT_200


def test_at_80_columns_the_words_stand_below() -> None:
    lines = drawn(shop(), Screen(width=80), NOW, everything=False)
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).replace("│", " ").split()).count(
        "and the last line of what it said is long"
    )


def test_without_unicode_and_colours_the_signs_still_differ() -> None:
    text = "\n".join(drawn(shop(), Screen(unicode=False), NOW, everything=False))
    assert text.isascii()
    assert "x Pod db-0" in text
    assert "+ Deployment web" in text
    assert "~ StatefulSet db" in text


def test_a_long_tree_folds_what_is_healthy_and_says_how_many() -> None:
    broken = node("ConfigMap", "z", health=Health(HealthState.DEGRADED, "why"))
    root = node("Application", "shop", broken, *(node("ConfigMap", f"c{n}") for n in range(500)))
    short = drawn(root, Screen(width=80), NOW, everything=False)
    assert len(short) == 5
    assert "ConfigMap z" in short[1]
    assert "500 ConfigMaps, healthy" in short[2]
    assert short[-1] == "500 healthy objects are folded; --all shows each"
    assert len(drawn(root, Screen(width=80), NOW, everything=True)) == 502
    assert len(as_data(root)["children"]) == 501


def test_names_of_63_characters_are_shown_whole() -> None:
    root = node("Application", "shop", node("Deployment", "d" * 63, ready="1/1"))
    assert any("d" * 63 in line for line in drawn(root, Screen(width=80), NOW, everything=False))


def test_a_follower_is_told_by_lines_that_stay_the_same_while_nothing_changes() -> None:
    assert flat(shop())["Pod shop/db-0"] == f"Pod shop/db-0  Degraded  0/1  7 restarts  {WHY}"


def test_what_could_not_be_read_is_no_absence() -> None:
    unread = [{"group": "", "kind": "Pod", "namespace": "shop", "message": "forbidden"}]
    assert notes(unread, 2, Screen()) == [
        "",
        "? Pod in shop could not be read, and may be there: forbidden",
        "2 more objects are wanted and not there yet; `gitops diff` names them",
    ]
    assert notes([], 0, Screen()) == []
