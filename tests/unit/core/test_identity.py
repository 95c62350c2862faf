"""Marks of ownership: what other tools understand of them, and what a copy can't fake."""

import re

import pytest

from gitops.core.identity import Owner, application_of, applyset_id, digest, identity, manager_name
from tests.unit.core.support import SHOP, key


def test_the_applyset_id_is_the_keps() -> None:
    """By hand: `printf shop.team-a.Application.gitops.dev | openssl sha256 -binary | base64 | tr +/ -_`."""
    assert applyset_id("team-a", "shop") == "applyset-hIZPicXM1rtGaQrbYt2fa2L6sHNrru8U1E6JgczsBwQ-v1"


def test_the_applyset_id_fits_into_a_label() -> None:
    found = applyset_id("n" * 63, "a" * 53)
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", found)


def test_name_and_namespace_are_not_interchangeable() -> None:
    assert applyset_id("a", "b") != applyset_id("b", "a")


def test_the_field_manager_of_the_longest_names_is_within_the_limit() -> None:
    assert len(manager_name("n" * 63, "a" * 53)) == 128


@pytest.mark.parametrize(
    ("manager", "application"),
    [
        ("gitops.dev/team-a/shop", ("team-a", "shop")),
        ("gitops.dev/", None),
        ("gitops.dev/team-a", None),
        ("gitops.dev/team-a/", None),
        ("gitops.development/team-a/shop", None),
        ("kubectl", None),
    ],
)
def test_a_field_manager_names_its_application(manager: str, application: tuple[str, str] | None) -> None:
    assert application_of(manager) == application


def test_a_digest_is_128_bits_in_lower_case_base32() -> None:
    assert re.fullmatch("[a-z2-7]{26}", digest(b"x"))


def test_the_parts_of_a_digest_do_not_run_into_each_other() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest(b"a", b"") != digest(b"", b"a")


@pytest.mark.parametrize(
    "other",
    [
        key("b"),
        key("a", kind="Secret"),
        key("a", group="apps"),
        key("a", namespace="other"),
        key("a", namespace=""),
    ],
)
def test_an_object_elsewhere_has_another_identity(other: object) -> None:
    assert SHOP.identity_of(other) != SHOP.identity_of(key("a"))  # type: ignore[arg-type]


def test_an_object_of_another_application_has_another_identity() -> None:
    assert identity("team-a", "shop", key("a")) != identity("team-a", "cafe", key("a"))
    assert identity("team-a", "shop", key("a")) == SHOP.identity_of(key("a"))


def test_equal_secrets_of_two_applications_have_different_content_digests() -> None:
    body = b'{"data":{"password":"aHVudGVyMg=="}}'
    assert SHOP.content_of(body) != Owner("team-a", "shop", "another uid").content_of(body)


def test_an_application_made_anew_by_the_same_name_has_the_same_identity() -> None:
    """So that its members survive a backup and restore of the Application."""
    assert Owner("team-a", "shop", "another uid").identity_of(key("a")) == SHOP.identity_of(key("a"))
