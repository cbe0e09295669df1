"""The command `lifecycle`, and `python -m lifecycle`.

A Ctrl-C while the command line is still being loaded waits for `cli.carry_out`, which has the words to answer it.
"""

import sys


def main() -> None:
    """Load the command line, run it, and end the process with its exit code."""
    try:
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    except KeyboardInterrupt:  # in the instant before it could be held back
        sys.exit(5)  # `errors.Interrupted`, whose import would take longer than this instant
    from lifecycle import cli

    cli.main()


if __name__ == "__main__":
    main()
