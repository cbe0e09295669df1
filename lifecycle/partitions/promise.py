"""The promise of this room: partitions that exist before rows need them."""

from lifecycle.partitions import care, judge, status, survey, tend
from lifecycle.partitions.create import Made
from lifecycle.partitions.survey import Seen
from lifecycle.plan import Step
from lifecycle.promise import Promise

PROMISE: Promise[Seen, Step, Made] = Promise(
    job="partitions.create",
    only="a table under `partitions`",
    survey=survey.survey,
    decide=tend.decide,
    carry_out=care.carry_out,
    judge=judge.judge,
    status=status.status,
)
