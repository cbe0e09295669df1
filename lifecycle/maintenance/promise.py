"""The promise of this room: materialized views that show what is there."""

from lifecycle.maintenance import judge, plan, refresh, survey
from lifecycle.maintenance.plan import Refresh
from lifecycle.maintenance.refresh import Refreshed
from lifecycle.maintenance.survey import Seen
from lifecycle.promise import Promise

PROMISE: Promise[Seen, Refresh, Refreshed] = Promise(
    job="maintenance.refresh",
    only="a materialized view under `maintenance`",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=refresh.carry_out,
    judge=judge.judge,
    status=judge.status,
)
