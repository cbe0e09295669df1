"""The promise of this room: who asked to be forgotten is gone when their grace has ended, and is searched for."""

from gdpr import beforehand, judge, night, plan, survey
from gdpr.desk import Done
from gdpr.plan import ErasureStep
from gdpr.survey import Seen
from lifecycle.promise import Promise

PROMISE: Promise[Seen, ErasureStep, dict[str, Done]] = Promise(
    job="gdpr.erase",
    only="a request",
    survey=beforehand.of_everybody,
    decide=plan.decide,
    carry_out=night.carry_out,
    judge=judge.judge,
    status=judge.status,
    called=survey.called,
)
