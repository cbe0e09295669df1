"""The policy: what a company has promised about its data, one YAML file per system.

`people.py`, `reference.py` and `model.py` are the shape of the ground's part: people, what rows lead to, and whose data
each table holds. What is promised about them is brought by the rooms: `section.py` says what a section is, `whole.py`
puts them together and asks them.
`load.py` reads a file and reports every mistake at once with its line, `check.py` asks whether the file makes sense in
itself, `reality.py` whether it fits the live database, both with `subjects.py` and `edges.py`; `virtual.py` puts the
policy's references beside the foreign keys, `sentences.py` finds what is said of each, `graph.py` in which order a
person's rows can go, `stored.py` asks the rows what `questions.py` makes of it. `generate.py` drafts a policy for a
database it has never seen: `evidence.py` counts rows, `leads.py` finds where columns lead without a foreign key,
`whose.py` proposes, `sides.py` what is between two, `doubts.py` and `nobodys.py` ask, `asides.py` speaks of those who
do not own the row. Never connects to anything: the catalog is handed in, a connection where rows are asked.
Read `model.py` first.
"""
