"""What a user writes about health: `spec.health` of an Application."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Expression = Annotated[str, Field(min_length=1, max_length=4096)]
Word = Annotated[str, Field(min_length=1, max_length=256)]
Words = Annotated[tuple[Word, ...], Field(max_length=64)]
State = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
Generation = Literal["compare", "ignore"]


class HealthModel(BaseModel):
    """Refuses what it doesn't know, as the rest of the spec does."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class HealthRule(HealthModel):
    """A state, and the expression that is true in it."""

    when: Expression = Field(
        description=(
            "CEL expression over metadata, spec, status, conditions (by type) and object. A key that is not "
            "there makes it not true. At most 4,096 characters."
        )
    )
    state: State = Field(description="State that holds where `when` is true.")
    say: Expression | None = Field(
        default=None,
        description=(
            "CEL expression or path of a text that says why. Default: what the object's conditions and "
            "status say. At most 4,096 characters."
        ),
    )


class HealthStates(HealthModel):
    """Words of the object, and the states that they stand for."""

    at: Annotated[str, Field(min_length=3, max_length=256)] = Field(
        description="Path of the word, like status.phase. At most 256 characters."
    )
    say: Expression | None = Field(
        default=None, description="CEL expression or path of a text that says why. Default: the word."
    )
    healthy: Words = Field(default=(), alias="Healthy", description="Words that mean Healthy. At most 64.")
    progressing: Words = Field(
        default=(), alias="Progressing", description="Words that mean Progressing. At most 64."
    )
    degraded: Words = Field(default=(), alias="Degraded", description="Words that mean Degraded. At most 64.")
    suspended: Words = Field(
        default=(), alias="Suspended", description="Words that mean Suspended. At most 64."
    )
    missing: Words = Field(default=(), alias="Missing", description="Words that mean Missing. At most 64.")
    unknown: Words = Field(default=(), alias="Unknown", description="Words that mean Unknown. At most 64.")


class HealthOfKind(HealthModel):
    """How the health of one kind is judged, in place of the built-in way."""

    group: Annotated[str, Field(max_length=253)] = Field(
        default="", description="API group of the kind; empty for the core group. At most 253 characters."
    )
    kind: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        description="Kind whose health is judged by this. At most 63 characters."
    )
    rules: Annotated[tuple[HealthRule, ...], Field(max_length=64)] = Field(
        default=(), description="The first of these whose `when` is true decides. At most 64."
    )
    states: HealthStates | None = Field(
        default=None, description="Looked at when no rule is true: words and their states."
    )
    otherwise: Any = Field(
        default=None,
        description=(
            "What holds when nothing else decides: generic (judged by the conventions for all kinds, the "
            "default), a state, or an object with `state` and `say`."
        ),
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
    generation: Generation | None = Field(
        default=None,
        description=(
            "compare (the default): Progressing while status.observedGeneration is behind "
            "metadata.generation. ignore: not looked at."
        ),
    )

    def written(self) -> dict[str, Any]:
        """As it was written, without what was left out."""
        return self.model_dump(by_alias=True, exclude_defaults=True, mode="json")
