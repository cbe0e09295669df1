"""structlog's loggers, without the printer of tracebacks that it loads wherever rich is installed.

That takes a quarter of what the process of a run or of an alert needs to start, and nobody here prints a traceback.
"""

import sys
from typing import Any, cast

_rich = sys.modules.get("rich")
# For as long as the import takes, rich is not installed.
cast(dict[str, Any], sys.modules)["rich"] = None
import structlog  # noqa: E402 - the line above makes the difference

del sys.modules["rich"]
if _rich is not None:
    sys.modules["rich"] = _rich

get_logger = structlog.get_logger
"""Return the logger of a name, as structlog does."""
