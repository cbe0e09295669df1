"""How Stripe says no: the status, the message, the code and the parameter it blames."""

from typing import Any

Object = dict[str, Any]
Params = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error, in Stripe's words."""

    def __init__(self, status: int, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Object = {
            "error": {"message": message, "type": "invalid_request_error"} | details
        }


def only_known(params: Params, *names: str) -> None:
    """Raise StripeError for a parameter the call does not take."""
    for name in params:
        if name not in names:
            raise StripeError(
                400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )


def required(params: Params, name: str) -> Any:
    """Return a parameter. Raise StripeError if it is absent or empty."""
    if not params.get(name):
        raise StripeError(
            400, f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    return params[name]


def missing(kind: str, key: str, *, status: int = 404, param: str = "id") -> StripeError:
    """Return the refusal for something that is not, or no longer, there."""
    return StripeError(status, f"No such {kind}: '{key}'", code="resource_missing", param=param)
