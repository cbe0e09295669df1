"""What is said to our own records when a person speaks of one."""

from typing import LiteralString

SETTLE: LiteralString = """
    update lifecycle.asked
       set sealed = null, ended_at = clock_timestamp(), how = 'settled', because = %(because)s, ended_by = %(by)s
     where asked_id = any(%(ids)s) and ended_at is null
"""
EXTEND: LiteralString = """
    update lifecycle.asked
       set extended_to = %(until)s, extended_because = %(because)s, extended_by = %(by)s
     where (system, reference, asked) = (%(system)s, %(reference)s, %(asked)s) and ended_at is null
       and extended_to is null
"""
