"""Forgetting a person: every row, every version of every object, the payer, and the traces in the audit log.

Knows how a due request becomes a plan, how the plan is carried out so that it may be interrupted at any
instant and run again, and how it is proven afterwards by other eyes. Never guesses whose a row is: the policy
says so, and where it does not fit the database nothing is touched. Never writes a personal value anywhere but
into sealed notes, which are emptied when the proof holds.

Read `night.py` first: whoever waits is noted (`noting.py`), everybody is erased, then proven; `request.py` takes one
to the erased row. `reach.py` says which tables a person is in, `person.py` counts what there is of one, `survey.py`
looks at everybody who is due, `plan.py` decides, `erase.py` carries out, `prove.py` looks again at the `places.py`
where a person can be, through all of the database by `search/`, `judge.py` says what it comes to. `foresee.py` looks
ahead at one person, before anybody has asked for anything.
"""
