"""Where and how the partitions lie that are made, as the policy says it. Pure."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from lifecycle.policy.part import Column, Part, Text
from lifecycle.words import did_you_mean

Setting = str | int | float | bool
"""A storage parameter's value, as YAML writes it."""

_BOTH = (
    *("autovacuum_enabled", "vacuum_index_cleanup", "vacuum_truncate"),
    *("vacuum_max_eager_freeze_failure_rate", "log_autovacuum_min_duration"),
    *("autovacuum_vacuum_threshold", "autovacuum_vacuum_max_threshold"),
    *("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_threshold"),
    *("autovacuum_vacuum_insert_scale_factor", "autovacuum_vacuum_cost_delay"),
    *("autovacuum_vacuum_cost_limit", "autovacuum_freeze_min_age"),
    *("autovacuum_freeze_max_age", "autovacuum_freeze_table_age"),
    *("autovacuum_multixact_freeze_min_age", "autovacuum_multixact_freeze_max_age"),
    "autovacuum_multixact_freeze_table_age",
)
PARAMETERS = frozenset(
    (
        *("fillfactor", "toast_tuple_target", "parallel_workers"),
        *("autovacuum_analyze_threshold", "autovacuum_analyze_scale_factor"),
        *_BOTH,
        *(f"toast.{name}" for name in _BOTH),
    )
)
"""Storage parameters of a table in PostgreSQL 15 to 18: one that is mistyped would fail each night."""


def _are_known(parameters: dict[str, Setting]) -> dict[str, Setting]:
    for name in parameters:
        if name not in PARAMETERS:
            instead = did_you_mean(
                name, PARAMETERS, "fillfactor, autovacuum_vacuum_scale_factor, ..."
            )
            raise ValueError(
                f"PostgreSQL knows no storage parameter {name!r} of a table; {instead}"
            )
    return parameters


class Stored(Part):
    """Where the partitions that are made lie, and how. Those that exist stay as they are."""

    tablespace: Column | None = Field(
        default=None,
        description="the tablespace they go into, which their owner may use; indexes go where the table's are",
        examples=["slow_disks"],
    )
    access_method: Column | None = Field(
        default=None,
        description="the access method of the leaves; default: the table's own, which it has from PostgreSQL 17 on",
        examples=["heap"],
    )
    parameters: Annotated[dict[Text, Setting], AfterValidator(_are_known)] = Field(
        default_factory=dict[str, Setting],
        description="storage parameters of the leaves, as `create table ... with` takes them",
        examples=[{"fillfactor": 90}],
    )

    @model_validator(mode="after")
    def _something(self) -> "Stored":
        if self.tablespace is None and self.access_method is None and not self.parameters:
            raise ValueError(
                "`stored` says nothing; write `tablespace:`, `access_method:` or `parameters:`, or take it out"
            )
        if self.tablespace == "pg_global":
            raise ValueError("no table lies in pg_global; name another tablespace")
        return self

    @property
    def spelled(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters as PostgreSQL reads them."""
        return tuple(
            (name, str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in self.parameters.items()
        )
