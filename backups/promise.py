"""The promise of this room's dumps: one of each day, week and month, and none longer than it is kept."""

from backups.classes import judge, keep, plan, survey
from backups.classes.keep import Kept
from backups.classes.plan import CopyDump, ExpireDump
from backups.classes.survey import Seen
from lifecycle.promise import Promise

PROMISE: Promise[Seen, CopyDump | ExpireDump, Kept] = Promise(
    job="backups.keep",
    only="nothing: one plan is made over all dumps",
    survey=survey.survey,
    decide=plan.decide,
    carry_out=keep.carry_out,
    judge=judge.judge,
    status=judge.status,
)
