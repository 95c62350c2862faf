"""Mirrors on disk: broken ones are made anew, sound ones are never thrown away."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gitops.core.problem import GitopsError, Reason
from gitops.core.revision import parse_repository
from gitops.git.credentials import Credentials
from gitops.git.mirror import Mirror
from gitops.git.mirrors import mirror_folder, remove_unused
from gitops.local.gitserver import Service
from tests.integration.git.support import Relay, Shop


def packs(folder: Path) -> list[Path]:
    return list((folder / "objects" / "pack").glob("*.pack"))


def lose_packs(folder: Path) -> None:
    shutil.rmtree(folder / "objects" / "pack")


def cut_packs(folder: Path) -> None:
    for pack in packs(folder):
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size // 2)


def zero_packs(folder: Path) -> None:
    for pack in packs(folder):
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * pack.stat().st_size)


def lose_head(folder: Path) -> None:
    (folder / "HEAD").unlink()


def garble_config(folder: Path) -> None:
    (folder / "config").write_text("[core\nnonsense")


def lose_objects(folder: Path) -> None:
    shutil.rmtree(folder / "objects")


def garble_refs(folder: Path) -> None:
    for ref in (folder / "refs" / "gitops").iterdir():
        ref.write_bytes(b"")


def lose_blobs(folder: Path) -> None:
    """The commit, its tree and its ref stay, so that git itself notices nothing."""
    for pack in packs(folder):
        content = pack.read_bytes()
        lose_packs(folder)
        subprocess.run(["git", "unpack-objects", "-q"], cwd=folder, input=content, check=True)
    listing = ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]
    for line in subprocess.run(
        listing, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines():
        kind, name = line.split()
        if kind == "blob":
            (folder / "objects" / name[:2] / name[2:]).unlink()


def lose_all(folder: Path) -> None:
    shutil.rmtree(folder)


DAMAGES = (
    lose_blobs,
    lose_packs,
    cut_packs,
    zero_packs,
    lose_head,
    garble_config,
    lose_objects,
    garble_refs,
    lose_all,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_mirror_is_made_anew_at_the_next_try(shop: Shop, damage: Callable[[Path], None]) -> None:
    files: dict[str, str | None] = {f"f{number}.yaml": f"{number}" * 500 for number in range(30)}
    first = shop.commit(files)
    shop.sync()
    damage(shop.mirror.folder)
    for revision in (first, shop.commit({"f1.yaml": "new"})):
        with contextlib.suppress(GitopsError):  # this may be the one that finds the damage
            shop.sync(revision)
            shop.read(revision)
        shop.sync(revision)
        assert len(shop.read(revision)) == 30
        assert shop.mirror.commit_info(revision).sha == revision
    before = shop.requests()[Service.FETCH]
    shop.sync(first)
    shop.read(first)
    shop.sync("main")
    assert shop.requests()[Service.FETCH] <= before + 1, "an endless repair"


def test_what_a_crash_left_of_a_fetch_does_no_harm(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"})
    folder = shop.mirror.folder
    fresh = folder.with_name(f"{folder.name}.new")
    fresh.mkdir(parents=True)
    (fresh / "config").write_text("[half")
    (folder / "objects" / "pack").mkdir(parents=True)
    (folder / "objects" / "pack" / "tmp_pack_x").write_bytes(b"PACK")
    (folder / "config").write_text("")
    shop.sync()
    assert shop.read(sha) == {"a.yaml": b"1"}


def test_a_failing_server_does_not_cost_a_sound_mirror(shop: Shop) -> None:
    first = shop.commit({"a.yaml": "1"})
    shop.sync()
    second = shop.commit({"a.yaml": "2"})
    for status in (200, 401, 404, 500):
        shop.server.fail_with(shop.name, status)
        with pytest.raises(GitopsError):
            shop.mirror.fetch(second)
        assert shop.read(first) == {"a.yaml": b"1"}
        assert not shop.mirror.fetch(first)


def test_an_answer_that_makes_no_sense_does_not_cost_a_sound_mirror(
    shop: Shop, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.commit({"a.yaml": "1"})
    shop.sync()
    second = shop.commit({"a.yaml": "2"})
    relay.upstream = shop.server.url
    mirror = Mirror(shop.mirror.folder, f"http://127.0.0.1:{relay.port}/{shop.name}.git")
    answers = iter([(200, {"Content-Type": "application/x-git-upload-pack-result"}, b"nonsense")])
    ask = relay.ask

    def nonsense_once(path: str, headers: Any, body: bytes | None) -> tuple[int, Mapping[str, str], bytes]:
        answer = next(answers, None) if body else None
        return answer or ask(path, headers, body)

    monkeypatch.setattr(Relay, "ask", staticmethod(nonsense_once))
    with pytest.raises(GitopsError) as error:
        mirror.fetch(second)
    assert error.value.problem.reason is Reason.REPOSITORY_UNREACHABLE
    assert not mirror.fetch(first)
    assert mirror.fetch(second)
    assert not mirror.fetch(first)


def test_reading_what_was_never_fetched_is_an_error_that_passes_and_costs_nothing(shop: Shop) -> None:
    first = shop.commit({"a.yaml": "0"})
    shop.sync()
    sha = shop.commit({"a.yaml": "1"})
    with pytest.raises(GitopsError):
        shop.read(sha)
    with pytest.raises(GitopsError):
        shop.mirror.commit_info(sha)
    assert not shop.mirror.fetch(first)
    shop.sync()
    assert shop.read(sha) == {"a.yaml": b"1"}


def test_tidying_drops_what_is_not_kept_and_its_objects(shop: Shop) -> None:
    shas = [shop.commit({"a.yaml": f"{number}" * 1000, "b.yaml": "same"}) for number in range(5)]
    for sha in shas:
        shop.mirror.fetch(sha)
    assert len(packs(shop.mirror.folder)) == 5
    assert shop.mirror.tidy({shas[1], shas[4]})
    assert len(packs(shop.mirror.folder)) == 1
    assert len((shop.mirror.folder / "shallow").read_text().split()) == 2
    before = shop.requests()[Service.FETCH]
    assert not shop.mirror.fetch(shas[1])
    assert not shop.mirror.fetch(shas[4])
    assert len(shop.read(shas[1])) == 2
    assert not shop.mirror.tidy({shas[1], shas[4]})
    assert shop.requests()[Service.FETCH] == before
    assert shop.mirror.fetch(shas[0])
    assert shop.read(shas[0])["a.yaml"] == b"0" * 1000


def test_nobody_gets_a_mirror_that_other_credentials_have_filled(tmp_path: Path) -> None:
    url = parse_repository("https://git.example.com/shop.git")
    other = parse_repository("https://git.example.com/other.git")
    ada, bob = Credentials(bearer_token="a"), Credentials(bearer_token="b")
    folders = {mirror_folder(tmp_path, each, holder) for each in (url, other) for holder in (None, ada, bob)}
    assert len(folders) == 6
    assert mirror_folder(tmp_path, url, ada) == mirror_folder(tmp_path, url, Credentials(bearer_token="a"))
    assert mirror_folder(tmp_path / "elsewhere", url, ada).name != mirror_folder(tmp_path, url, ada).name


def test_unused_mirrors_are_removed_and_the_others_stay(tmp_path: Path) -> None:
    url = parse_repository("https://git.example.com/shop.git")
    used, unused = (mirror_folder(tmp_path, url, holder) for holder in (None, Credentials(bearer_token="a")))
    for folder in (used, unused, unused.with_name(f"{unused.name}.new")):
        folder.mkdir()
    assert remove_unused(tmp_path, {used}) == 2
    assert used.exists()
    assert mirror_folder(tmp_path, url, None) == used
