"""Configuration files: YAML with the line of every key, mistakes that say what to write instead, spans of time.

Knows how a file becomes a model (`load.py`) and how every mistake in it is told at once. Never knows what a policy
or a setting means: `policy/` and `settings/` do. Read `load.py` first.
"""
