"""What a spec refers to by name, read from the cluster: credentials, and values for a chart."""

from collections.abc import Mapping

from gitops.api.application import Application
from gitops.api.render import ValuesReference
from gitops.controller.applications import key_of
from gitops.controller.references import Reference, References
from gitops.core.problem import Blame, Reason, fail
from gitops.core.render_options import GivenValues
from gitops.core.values import given, where_of
from gitops.kube.client import Account


def values_references(app: Application) -> tuple[ValuesReference, ...]:
    """What spec.render.helm.valuesFrom lists."""
    helm = app.spec.render.helm
    return helm.values_from if helm else ()


def named_by(app: Application, account: Account | None) -> set[Reference]:
    """All that the spec names; the account is the one that reads it."""
    namespace, credentials = app.metadata.namespace, app.spec.source.credentials
    named = {_values_reference(app, index, account) for index in range(len(values_references(app)))}
    if credentials:
        named.add(Reference("Secret", namespace, credentials.secret_name, account))
    return named


async def credentials_of(
    app: Application, account: Account | None, references: References
) -> Mapping[str, bytes] | None:
    """The data of the credentials' Secret; None where the spec names none.

    Raises GitopsError: CREDENTIALS_NOT_FOUND (absent) or FORBIDDEN (the account may not watch it).
    """
    credentials = app.spec.source.credentials
    if credentials is None:
        return None
    reference = Reference("Secret", app.metadata.namespace, credentials.secret_name, account)
    where = "spec.source.credentials.secretName"
    held = await references.read(reference, key_of(app), where)
    if held is None:
        raise fail(
            Reason.CREDENTIALS_NOT_FOUND,
            f"there is no Secret {reference.namespace}/{reference.name}",
            Blame.CREDENTIALS,
            where=where,
            advice="create it, or correct the name",
        )
    return held.data


async def values_of(
    app: Application, account: Account | None, references: References
) -> tuple[GivenValues, ...]:
    """The values that spec.render.helm.valuesFrom names, as they are now.

    Raises GitopsError: VALUES_NOT_FOUND, INVALID_VALUES or FORBIDDEN.
    """
    wanted = values_references(app)
    if not wanted:
        return ()
    # All of them are asked for before one may fail: what is missing now is awaited, too.
    holders = [
        await references.read(_values_reference(app, index, account), key_of(app), where_of(index))
        for index in range(len(wanted))
    ]
    return given(wanted, app.metadata.namespace, holders)


def _values_reference(app: Application, index: int, account: Account | None) -> Reference:
    named = values_references(app)[index]
    return Reference(named.kind.value, app.metadata.namespace, named.name, account)
