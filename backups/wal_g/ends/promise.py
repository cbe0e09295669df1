"""The promise of base backups and their log: every time that is kept can be come back to, and nothing longer stays."""

from backups.wal_g.ends import delete, judge, plan, survey
from backups.wal_g.ends.delete import Ended
from backups.wal_g.ends.plan import Delete
from backups.wal_g.ends.survey import Seen
from lifecycle.promise import Promise

PROMISE: Promise[Seen, Delete, Ended] = Promise(
    job=delete.JOB,
    only="nothing: one plan is made over all base backups",
    survey=survey.survey_store,
    decide=plan.decide,
    carry_out=delete.carry_out,
    judge=judge.judge,
    status=judge.status,
    commands="backups wal-g",
)
