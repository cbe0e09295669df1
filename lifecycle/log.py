"""Logs to standard error: JSON for machines, lines for a terminal, one pipeline for our lines and everybody's.

An exception is logged by its type and the places it passed, with the words of our own errors only: a driver's
may quote a row. The redactor runs last. Never logs local variables; never lets a library below WARNING.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

from lifecycle import clock, progress
from lifecycle.errors import LifecycleError
from lifecycle.logger import structlog
from lifecycle.redact import redactor

QUIET = (
    "boto3",
    "botocore",
    "s3transfer",
    "urllib3",
    "stripe",
    "psycopg",
    "apscheduler",
    "plumbum",
)
"""Libraries whose DEBUG and INFO lines carry requests, statements or headers."""

Event = MutableMapping[str, Any]


class _Handler(logging.StreamHandler[TextIO]):
    """Writes each line where the line of `progress.py` stood."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        progress.hide()
        super().emit(record)


def configure() -> None:
    """Send every log line of this process through the pipeline. Safe to repeat."""
    shared = [structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, _timestamp]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    renderer = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                exceptions,
                redactor,
                renderer,
            ],
            use_get_message=False,  # a library's words without its values: "pool is full: %s"
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def exceptions(_logger: object, _method: str, event: Event) -> Event:
    """Put the exception of an event, if it has one, into words that quote nothing."""
    info: Any = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if info is True:
        info = sys.exc_info()
    error: Any = cast("Any", info[1]) if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _told(error)
    return event


def _told(error: BaseException) -> list[dict[str, object]]:
    """Return the chain of an exception, the last first: type, places passed, our own words, the SQLSTATE."""
    chain: list[dict[str, object]] = []
    link: BaseException | None = error
    while link is not None and len(chain) < 10:
        told: dict[str, object] = {
            "type": type(link).__name__,
            "frames": [
                f"{'/'.join(f.filename.split('/')[-2:])}:{f.lineno} {f.name}"
                for f in traceback.extract_tb(link.__traceback__, limit=-20)
            ],
        }
        if isinstance(link, LifecycleError):
            told |= {"error": link.what, "hint": link.hint, "code": link.exit_code}
        # Of the class, which has PostgreSQL's own alone: an error may carry any five letters.
        state = getattr(type(link), "sqlstate", None)
        if isinstance(state, str):
            told["sqlstate"] = state
        chain.append(told)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _timestamp(_logger: object, _method: str, event: Event) -> Event:
    event["timestamp"] = clock.now().isoformat(timespec="milliseconds")
    return event
