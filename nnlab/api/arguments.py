"""The arguments of functions, held to their annotations as the settings of a config are."""

from collections.abc import Callable
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, get_origin

import numpy as np
from annotated_types import Ge

from nnlab.config.annotations import MisfitError, allowed, convert, options
from nnlab.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
CountOf = Annotated[int, Ge(1)]


def checks_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The function; a UsageError names an argument that its annotation does not allow.

    That concerns numbers, texts, names (`Literal`), limits (`Annotated`) and None. What else a
    parameter takes, such as a config, is left to the function.
    """
    form = signature(function)
    hints = {name: parameter.annotation for name, parameter in form.parameters.items()}
    hints = {name: hint for name, hint in hints.items() if _is_plain(hint)}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        given = form.bind(*args, **kwargs)
        for name in hints.keys() & given.arguments.keys():
            hint, value = hints[name], given.arguments[name]
            several = form.parameters[name].kind is Parameter.VAR_POSITIONAL
            fitting = partial(_fitting, name, hint)
            given.arguments[name] = tuple(map(fitting, value)) if several else fitting(value)
        return function(*given.args, **given.kwargs)

    return call


def _is_plain(hint: Any) -> bool:
    """Whether an annotation has only numbers, texts and names. Flags may be anything."""
    kinds = {get_origin(option) or option for option in options(hint)}
    return bool(
        kinds - {bool, type(None)}
        and kinds <= {int, float, str, Annotated, Literal, bool, type(None)}
    )


def _fitting(name: str, hint: Any, value: object) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        return convert(hint, str(plain) if isinstance(plain, str) else plain)
    except MisfitError:
        words = allowed(hint).replace("null", "None")
        raise UsageError(f"{name} is {value!r:.60}; it is {words}.") from None
