"""Roles are a server's, and the tests share one: each is made by who comes first."""


def roles(*wanted: str) -> str:
    """Return the statements that make each of these (`name` or `name login`) where it is not there.

    Each in a block of its own: one that is there keeps no other from being made.
    """
    return "".join(
        f"do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$;\n"
        for role in wanted
    )
