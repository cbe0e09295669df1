"""The promise after a restore: whoever was erased before is erased again, before anybody reads the database out."""

from gdpr.desk import Done
from gdpr.plan import ErasureStep
from gdpr.replay import carry_out, judge, plan, survey
from gdpr.replay.survey import Seen
from gdpr.survey import called
from lifecycle.promise import Promise

PROMISE: Promise[Seen, ErasureStep, dict[str, Done]] = Promise(
    job="gdpr.replay",
    only="a request",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=carry_out.carry_out,
    judge=judge.judge,
    status=judge.status,
    called=called,
    commands="gdpr replay",
)
