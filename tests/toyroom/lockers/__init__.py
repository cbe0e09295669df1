"""Lockers: what people leave in them is thrown away now and then. Read `section.py` first. Never opens one."""
