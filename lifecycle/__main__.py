"""The command `lifecycle`, and `python -m lifecycle`.

A Ctrl-C while the command line is still being loaded waits for `cli.carry_out`, which has the words to answer it.
"""

import sys


def main() -> None:
    """Load the command line, run it, and end the process with its exit code."""
    try:
        # What `signal` is made of is there with Python itself. To import that takes long enough to be
        # interrupted, and Python forgets an interrupt that meets an import's own bookkeeping.
        made_of = sys.modules["_signal"]
        made_of.pthread_sigmask(made_of.SIG_BLOCK, {made_of.SIGINT})
    except KeyboardInterrupt:  # in the instant before it could be held back
        sys.exit(5)  # `errors.Interrupted`, whose import would take longer than this instant
    from lifecycle import cli

    cli.main()


if __name__ == "__main__":
    main()
