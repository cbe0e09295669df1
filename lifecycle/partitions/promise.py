"""The promise of this room: partitions that exist before rows need them."""

from lifecycle.partitions import create, judge, plan, survey
from lifecycle.partitions.create import Made
from lifecycle.partitions.step import CreatePartition
from lifecycle.partitions.survey import Seen
from lifecycle.promise import Promise

PROMISE: Promise[Seen, CreatePartition, Made] = Promise(
    job="partitions.create",
    only="a table under `partitions`",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=create.carry_out,
    judge=judge.judge,
    status=judge.status,
)
