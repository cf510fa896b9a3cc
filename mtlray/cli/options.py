"""Options from dataclasses: a command names one as a parameter, and its fields become options of the command line.

A field with `metadata={"help": ...}` is an option; its name, type and default are the option's. Further keys: `env`, an
environment variable; `shown`, the default as the help shows it; `place`, for text that names a "folder" or a "folder or URI".
Other fields keep their defaults.
"""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import typer

from mtlray.cli.places import folder, place
from mtlray.errors import SpecError
from mtlray.words.values import shown

_KEYS = {"help", "env", "shown", "place"}
_PLACES: dict[str, Callable[[str, str], str]] = {"folder": folder, "folder or URI": place}
_Returned = TypeVar("_Returned")


@dataclass(frozen=True, slots=True)
class Only:
    """Beside a dataclass in `Annotated`: the fields that a command takes; the others keep their defaults."""

    names: tuple[str, ...]


def only(*names: str) -> Only:
    """`config: Annotated[RunConfig, only("data")]` takes one option of RunConfig."""
    return Only(names)


@dataclass(frozen=True, slots=True)
class _Option:
    """One option: the parameter that typer reads, and how the field's value is made from the option's."""

    field: str
    parameter: inspect.Parameter
    value: Callable[[Any], Any]


def with_options(command: Callable[..., _Returned]) -> Callable[..., _Returned]:
    """The command as typer should read it: the options of each dataclass among its parameters in that parameter's place.

    Called with the options, it makes the dataclasses and calls the command; their own errors pass. A command in which a
    user's code calls sys.exit raises SpecError. Raises TypeError for a field that cannot be an option, and ValueError where two
    options have one name.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, list[_Option]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        cls, names = _dataclass_of(parameter.annotation)
        if cls is None:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        options = _options(cls, names)
        groups[parameter.name] = cls, options
        parameters += [option.parameter for option in options]

    @functools.wraps(command)
    def called(**given: Any) -> _Returned:
        for name, (cls, options) in groups.items():
            values = {option.field: given.pop(option.field) for option in options}
            given[name] = cls(**{option.field: option.value(values[option.field]) for option in options})
        try:
            return command(**given)
        except SystemExit as ended:  # no command of ours; with code 0 it would look like success
            raise SpecError(
                f"Code of the sweep (a data set, a model, a rule) ended the program with `sys.exit({ended.code!r})`. It should "
                "raise an error that says what is wrong, or return."
            ) from ended

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _dataclass_of(annotation: Any) -> tuple[type | None, tuple[str, ...] | None]:
    """The dataclass that an annotation names, and the fields to take (None: all); no dataclass, or typer's own: None."""
    names = None
    if typing.get_origin(annotation) is Annotated:
        annotation, *notes = typing.get_args(annotation)
        narrow = [note for note in notes if isinstance(note, Only)]
        if not narrow and dataclasses.is_dataclass(annotation):
            return None, None
        names = narrow[0].names if narrow else None
    return (annotation, names) if dataclasses.is_dataclass(annotation) else (None, None)  # type: ignore[return-value]


def _options(cls: Any, names: tuple[str, ...] | None) -> list[_Option]:
    """The options of a dataclass, in the order of its fields."""
    fields = [field for field in dataclasses.fields(cls) if "help" in field.metadata]
    unknown = set(names or ()) - {field.name for field in fields}
    if unknown:
        raise TypeError(f"{cls.__name__} should have an option `{unknown.pop()}`. It has none of that name.")
    hints = typing.get_type_hints(cls)
    return [_option(field, hints[field.name]) for field in fields if names is None or field.name in names]


def _option(field: dataclasses.Field[Any], hint: Any) -> _Option:
    if wrong := field.metadata.keys() - _KEYS:
        raise TypeError(f"Field `{field.name}` should have metadata among {sorted(_KEYS)}. Found {sorted(wrong)}.")
    name = field.name.replace("_", "-")
    taken, metavar, value = _reading(name, hint)
    if "place" in field.metadata:
        value = functools.partial(_unless_none, functools.partial(_PLACES[field.metadata["place"]], name))
    info = typer.Option(
        f"--{name}",
        help=field.metadata["help"],
        envvar=field.metadata.get("env"),
        show_default=field.metadata.get("shown", True),
        metavar=metavar,
    )
    default = field.default
    if default is dataclasses.MISSING:
        default = inspect.Parameter.empty
    elif taken is str and not isinstance(default, str):
        default = f"{default:g}"
    elif default == ():
        default = None
    kind = inspect.Parameter.KEYWORD_ONLY
    return _Option(
        field.name, inspect.Parameter(field.name, kind, default=default, annotation=Annotated[taken, info]), value
    )


def _reading(name: str, hint: Any) -> tuple[Any, str | None, Callable[[Any], Any]]:
    """How a field's type stands on the command line: the type that typer reads, what the help calls it, and the way back."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return str, None, _same  # the dataclass itself refuses other words
    if origin is tuple and parts == (str, ...):
        return str | None, None, _words
    if origin in (typing.Union, types.UnionType):
        numbers = [part for part in parts if part in (int, float)]
        if numbers and Literal["auto"] in parts:
            return str, f"<{numbers[0].__name__}|auto>", functools.partial(number_or_auto, name, numbers[0])
        if len(parts) == 2 and parts[1] is types.NoneType and parts[0] in (str, int, float):
            return hint, None, _same
    if hint in (str, int, float, bool):
        return hint, None, _same
    raise TypeError(f"Field `{name}` should be of a type that an option can have. Found {hint}.")


def number_or_auto(option: str, kind: type[int] | type[float], text: str) -> int | float | Literal["auto"]:
    """The value of an option that is a number or `auto`. Raises SpecError."""
    if text == "auto":
        return "auto"
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SpecError(f"Option --{option} should be {what} or auto. Found `{shown(text)}`.") from None


def _same(value: Any) -> Any:
    return value


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _unless_none(make: Callable[[str], str], text: str | None) -> str | None:
    return None if text is None else make(text)
