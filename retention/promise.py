"""The promise of this room: nothing is kept longer than the policy says."""

from lifecycle.plan import Step
from lifecycle.promise import Promise
from retention import expire, judge, plan, survey
from retention.expire import Ended
from retention.survey import Seen

PROMISE: Promise[Seen, Step, Ended] = Promise(
    job="retention.expire",
    only="a rule's table or column",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=expire.carry_out,
    judge=judge.judge,
    status=judge.status,
)
