"""Settings: where things are on this machine. Never says what must happen: the policy does. Read `model.py` first."""
