"""Polling and fetching from a real server: what it costs, what a revision becomes, what goes wrong."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gitops.core.problem import Blame, GitopsError, Reason
from gitops.git.mirror import Mirror
from gitops.local.gitserver import GitServer, Service
from tests.integration.git.support import Relay, Shop, processes_with


def test_a_poll_without_change_is_one_ls_remote_and_no_fetch(shop: Shop) -> None:
    shop.commit({"a.yaml": "1"})
    shop.sync()
    before = shop.requests()
    for _ in range(3):
        shop.sync()
    after = shop.requests()
    assert {service: after[service] - before.get(service, 0) for service in after} == {
        Service.ADVERTISE: 3,
        Service.LIST: 3,
        Service.FETCH: 0,
    }


def test_a_change_is_one_fetch_for_all_who_want_it_at_once(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"})
    with ThreadPoolExecutor(8) as pool:
        fetched = list(pool.map(lambda _: shop.mirror.fetch(sha, "refs/heads/main"), range(8)))
    assert sorted(fetched) == [False] * 7 + [True]
    assert shop.requests()[Service.FETCH] == 1


def test_a_second_mirror_object_of_the_same_folder_waits_for_the_first(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"})
    mirrors = [Mirror(shop.mirror.folder, shop.mirror.url.url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda mirror: mirror.fetch(sha), mirrors)) == [False] * 3 + [True]


def test_a_branch_wins_over_a_tag_of_its_name(shop: Shop) -> None:
    tagged = shop.commit({"a.yaml": "tag"})
    shop.tree.tag("stable")
    shop.commit({"a.yaml": "main"})
    shop.bare("branch", "stable", "main")
    sha = shop.sync("stable")
    assert sha != tagged
    assert shop.read(sha) == {"a.yaml": b"main"}


def test_an_annotated_tag_is_the_commit_that_it_names(shop: Shop) -> None:
    sha = shop.tree.commit("one", {"a.yaml": "1"})
    shop.tree.tag("v1.0.0", "the first release")
    shop.tree.push()
    assert shop.sync("v1.0.0") == sha
    assert shop.read(sha) == {"a.yaml": b"1"}


def test_a_range_follows_new_version_tags(shop: Shop) -> None:
    shop.tree.commit("one", {"a.yaml": "1"})
    shop.tree.tag("v1.9.0")
    shop.tree.push()
    first = shop.sync(">=1.2 <2")
    shop.tree.commit("two", {"a.yaml": "2"})
    shop.tree.tag("v1.10.0", "annotated")
    shop.tree.tag("v2.0.0")
    shop.tree.push()
    second = shop.sync(">=1.2 <2")
    assert (shop.read(first), shop.read(second)) == ({"a.yaml": b"1"}, {"a.yaml": b"2"})


def test_no_revision_means_the_branch_that_head_names(shop: Shop) -> None:
    shop.commit({"a.yaml": "main"})
    shop.tree.branch("trunk")
    sha = shop.commit({"a.yaml": "trunk"})
    shop.bare("symbolic-ref", "HEAD", "refs/heads/trunk")
    chosen = shop.poll()
    assert (chosen.ref, chosen.sha) == ("refs/heads/trunk", sha)


def test_a_commit_that_no_ref_names_is_fetched_by_its_sha(shop: Shop) -> None:
    old = shop.commit({"a.yaml": "1"})
    shop.commit({"a.yaml": "2"})
    assert shop.sync(old) == old
    assert shop.read(old) == {"a.yaml": b"1"}


def test_a_force_push_brings_the_new_history_and_keeps_the_old_readable(shop: Shop) -> None:
    shop.commit({"base.yaml": "0"})
    old = shop.commit({"a.yaml": "1"})
    shop.sync("main")
    shop.tree.git("reset", "--quiet", "--hard", "HEAD~1")
    new = shop.tree.commit("rewritten", {"b.yaml": "2"})
    shop.tree.force_push()
    assert shop.sync("main") == new
    assert set(shop.read(new)) == {"base.yaml", "b.yaml"}
    assert set(shop.read(old)) == {"base.yaml", "a.yaml"}


def test_a_deleted_branch_is_told_with_the_branches_there_are(shop: Shop) -> None:
    shop.commit({"a.yaml": "1"})
    shop.tree.branch("feature")
    shop.commit({"a.yaml": "2"})
    shop.sync("feature")
    shop.tree.delete_branch("feature")
    with pytest.raises(GitopsError) as error:
        shop.poll("feature")
    assert error.value.problem.reason is Reason.REVISION_NOT_FOUND
    assert "'main'" in error.value.problem.advice


def test_an_empty_repository_is_told(shop: Shop) -> None:
    with pytest.raises(GitopsError, match="no commits yet"):
        shop.poll()


def test_a_commit_that_does_not_exist_is_told(shop: Shop) -> None:
    shop.commit({"a.yaml": "1"})
    with pytest.raises(GitopsError) as error:
        shop.mirror.fetch("1" * 40)
    assert error.value.problem.reason is Reason.REVISION_NOT_FOUND


def test_a_sha_that_is_a_folder_is_no_revision(shop: Shop) -> None:
    shop.commit({"a/b.yaml": "1"})
    for _ in range(2):
        with pytest.raises(GitopsError) as error:
            shop.mirror.fetch(shop.tree.git("rev-parse", "HEAD:a"))
        assert error.value.problem.reason is Reason.REVISION_NOT_FOUND


def test_a_server_that_refuses_bare_shas_is_asked_by_ref_and_then_in_full(shop: Shop, relay: Relay) -> None:
    old = shop.commit({"a.yaml": "1"})
    middle = shop.commit({"a.yaml": "2"})
    shop.commit({"a.yaml": "3"})
    shop.bare("config", "uploadpack.allowAnySHA1InWant", "false")
    relay.upstream = shop.server.url
    mirror = Mirror(shop.mirror.folder, f"http://127.0.0.1:{relay.port}/{shop.name}.git")
    refs = mirror.remote_refs().refs
    assert mirror.fetch(refs["refs/heads/main"], "refs/heads/main")
    for sha, content in ((middle, b"2"), (old, b"1")):  # main has moved on since they were seen
        assert mirror.fetch(sha, "refs/heads/main")
        assert not mirror.fetch(sha, "refs/heads/main")
        assert [file.content for file in mirror.tree(sha).files([""])] == [content]
    with pytest.raises(GitopsError) as error:
        mirror.fetch("1" * 40, "refs/heads/main")
    assert error.value.problem.reason is Reason.REVISION_NOT_FOUND


def test_an_old_server_gives_a_tagged_commit_without_its_history(shop: Shop, relay: Relay) -> None:
    shop.commit({"a.yaml": "1"})
    sha = shop.tree.commit("release", {"a.yaml": "2"})
    shop.tree.tag("v1.0.0", "annotated: the server advertises the tag object, not this commit")
    shop.tree.push()
    shop.commit({"a.yaml": "3"})
    shop.bare("config", "uploadpack.allowAnySHA1InWant", "false")
    relay.upstream = shop.server.url
    mirror = Mirror(shop.mirror.folder, f"http://127.0.0.1:{relay.port}/{shop.name}.git")
    assert mirror.fetch(sha, "refs/tags/v1.0.0")
    assert [file.content for file in mirror.tree(sha).files([""])] == [b"2"]
    held = ["git", "rev-list", "--all", "--count"]
    assert subprocess.run(held, cwd=mirror.folder, capture_output=True, text=True, check=True).stdout == "1\n"


def test_what_people_want_to_know_of_a_commit(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"}, "Fix the shop\n\nAt last.")
    shop.sync()
    info = shop.mirror.commit_info(sha)
    assert (info.sha, info.author, info.subject) == (sha, "Ada <ada@example.com>", "Fix the shop")
    assert timedelta(0) <= datetime.now(UTC) - info.committed_at < timedelta(minutes=5)


def test_a_server_that_hangs_costs_its_deadline_and_leaves_no_process(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"})
    shop.server.hang(shop.name)
    for call in (
        lambda: shop.mirror.remote_refs(timeout=0.7),
        lambda: shop.mirror.fetch(sha, timeout=0.7),
    ):
        start = time.monotonic()
        with pytest.raises(GitopsError) as error:
            call()
        assert time.monotonic() - start < 3
        assert error.value.problem.reason is Reason.REPOSITORY_UNREACHABLE
        assert error.value.problem.blame is Blame.NETWORK
        assert processes_with(shop.mirror.url.url) == []
    shop.server.heal(shop.name)
    assert shop.sync() == sha


def test_a_fetch_that_hangs_delays_no_other_repository(
    shop: Shop, git_server: GitServer, tmp_path: Path
) -> None:
    other = Shop.create(git_server, tmp_path, f"other-{shop.name}")
    other.commit({"a.yaml": "1"})
    sha = shop.commit({"a.yaml": "1"})
    shop.server.hang(shop.name)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(shop.mirror.fetch, sha, timeout=2.0)
        start = time.monotonic()
        other.sync()
        assert not stuck.done()
        assert time.monotonic() - start < 2
        with pytest.raises(GitopsError, match="within 2 s"):
            stuck.result()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.AUTHENTICATION_FAILED),
        (403, Reason.AUTHENTICATION_FAILED),
        (404, Reason.INVALID_REPOSITORY),
        (429, Reason.REPOSITORY_UNREACHABLE),
        (500, Reason.REPOSITORY_UNREACHABLE),
        (503, Reason.REPOSITORY_UNREACHABLE),
    ],
)
def test_each_answer_has_its_reason_and_names_the_host(shop: Shop, status: int, reason: Reason) -> None:
    shop.server.fail_with(shop.name, status)
    with pytest.raises(GitopsError) as error:
        shop.poll()
    assert error.value.problem.reason is reason
    assert "127.0.0.1" in str(error.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x.git", "http://nowhere.invalid/x.git", "https://127.0.0.1:1/x"]
)
def test_a_host_that_is_not_there_is_the_networks_fault(tmp_path: Path, url: str) -> None:
    with pytest.raises(GitopsError) as error:
        Mirror(tmp_path / "m", url).remote_refs(timeout=20)
    assert (error.value.problem.reason, error.value.problem.blame) == (
        Reason.REPOSITORY_UNREACHABLE,
        Blame.NETWORK,
    )


def test_a_file_repository_works_only_where_the_operator_allows_it(shop: Shop) -> None:
    sha = shop.commit({"a.yaml": "1"})
    url = (shop.server.folder / f"{shop.name}.git").as_uri()
    with pytest.raises(GitopsError, match="not allowed"):
        Mirror(shop.mirror.folder, url)
    mirror = Mirror(shop.mirror.folder, url, allow_file=True)
    assert mirror.fetch(mirror.remote_refs().refs["HEAD"])
    assert mirror.commit_info(sha).subject == "a change"


def test_a_repository_with_sha256_names_is_mirrored(shop: Shop, tmp_path: Path) -> None:
    bare = tmp_path / "new.git"
    work = tmp_path / "new"
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*run, "init", "-q", "--bare", "--object-format=sha256", str(bare)], check=True)
    subprocess.run([*run, "init", "-q", "--object-format=sha256", "-b", "main", str(work)], check=True)
    (work / "a.yaml").write_text("1")
    for command in (["add", "."], ["commit", "-qm", "one"], ["push", "-q", str(bare), "main"]):
        subprocess.run([*run, *command], cwd=work, check=True)
    mirror = Mirror(tmp_path / "mirror", bare.as_uri(), allow_file=True)
    sha = mirror.remote_refs().refs["refs/heads/main"]
    assert len(sha) == 64
    mirror.fetch(sha)
    assert [file.content for file in mirror.tree(sha).files([""])] == [b"1"]
