"""The promise of this room: chunks that are compressed when their time has come."""

from lifecycle.promise import Promise
from lifecycle.timescale import compress, judge, plan, survey
from lifecycle.timescale.compress import Compressed
from lifecycle.timescale.plan import Compress, Set
from lifecycle.timescale.survey import Seen

PROMISE: Promise[Seen, Set | Compress, Compressed] = Promise(
    job=compress.JOB,
    only="a hypertable under `timescale`",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=compress.carry_out,
    judge=judge.judge,
    status=judge.status,
)
