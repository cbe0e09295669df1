"""The promise of this room: every month of the ledger is there for as long as promised, and no longer."""

from lifecycle.promise import Promise
from lifecycle.records import judge, plan, retire, survey
from lifecycle.records.plan import RetireMonth
from lifecycle.records.retire import Retired
from lifecycle.records.survey import Seen

PROMISE: Promise[Seen, RetireMonth, Retired] = Promise(
    job="records.keep",
    only="a month of the ledger, like 2019-05",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=retire.carry_out,
    judge=judge.judge,
    status=judge.status,
)
