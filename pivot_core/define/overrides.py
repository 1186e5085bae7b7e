"""Owns which params a stage gets in effect: the class's defaults and what overrides them, each mistake at its line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from pivot_core.define import names, trace
from pivot_core.define.pipeline import Registration
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json
from pivot_core.model.stage import ParamLayer, ParamOrigin, SourceLocation

if TYPE_CHECKING:
    from pydantic import ValidationError

    from pivot_core.define.params import StageParams
    from pivot_core.define.yaml_file import YamlFile


@frozen
class ParamsFile:
    """A ``params.yaml``: the project's, or the one beside the definition of a pipeline in a sub-directory."""

    file: "YamlFile"
    home: str
    """The pipeline's directory, whose stages go by their own names here; ``""`` for the project's file."""

    def entries(self) -> Iterator[tuple[str, str]]:
        """Yields what the file names, each with its place."""
        if isinstance(self.file.data, dict):
            for name in self.file.data:
                yield name, self.file.place(name)

    def name(self, name: str) -> str:
        """Returns a stage's name as the file has it."""
        return name.removeprefix(f"{self.home}/") if self.home else name


@frozen
class _Layer:
    """Overrides from one place; the registration itself, or an entry of ``params.yaml``."""

    given: object
    registration: Registration | None
    file: "YamlFile | None"
    name: str
    """The entry of ``file``."""

    def place(self, *keys: str | int) -> str:
        """Returns ``file:line`` of a field."""
        return str(self.location(*keys))

    def location(self, *keys: str | int) -> SourceLocation:
        """Returns the line of a field, with the absolute path of its file."""
        if self.file is not None:
            return SourceLocation(self.file.path, self.file.document.line((self.name, *keys)))
        registration = cast("Registration", self.registration)
        return SourceLocation(registration.file, registration.line_of("params", *keys))

    def origin(self, *keys: str) -> ParamOrigin:
        """Returns what gave a field its value."""
        if self.file is not None:
            return ParamOrigin(ParamLayer.PARAMS, self.location(*keys))
        where = self.location(*keys)
        if where.file.endswith(".py"):
            return ParamOrigin(ParamLayer.REGISTER, None)
        return ParamOrigin(ParamLayer.DEFINITION, where)


class Resolved(NamedTuple):
    """The effective params of one stage."""

    params: dict[str, Json]
    given: dict[str, Json] | None
    """What else another process needs (`params.carried`)."""
    problems: list[DefinitionError]
    origins: Mapping[str, ParamOrigin]
    """As `Stage.params_from`, with absolute paths."""


NOTHING = Resolved({}, None, [], {})


def resolve(
    registration: Registration, model: "type[StageParams] | None", files: Sequence[ParamsFile]
) -> Resolved:
    """Returns the effective params in JSON form, and what is wrong with them.

    ``model`` is ``None`` for a function that takes no params. Of ``files`` the last one is the strongest.
    """
    layers = _layers(registration, files)
    name = registration.full_name
    if model is None:
        hint = "add a parameter whose annotation is a class derived from StageParams"
        what = f"'{name}' takes no params"
        return _wrong([DefinitionError(what, layer.place(), hint) for layer in layers])
    from pydantic import ValidationError

    from pivot_core.define import params

    values = list[Mapping[str, object]]()
    for layer in layers:
        given = layer.given
        if isinstance(given, params.StageParams):
            if not isinstance(given, model):
                what = f"params of '{name}' are {type(given).__name__}, not {model.__name__}"
                return _wrong([DefinitionError(what, layer.place(), f"pass {model.__name__}(...)")])
            given = params.overrides_of(given)
        if not isinstance(given, Mapping):
            what = f"params of '{name}' are not a mapping"
            return _wrong([DefinitionError(what, layer.place(), "give field: value pairs")])
        values.append(cast("Mapping[str, object]", given))
    try:
        found = params.effective(model, values)
        given = params.carried(found, params.merged(model, values))
        origins = {
            ".".join(keys): layer.origin(*keys)
            for layer, value in zip(layers, values, strict=True)
            for keys in _fields(value)
        }
        return Resolved(params.to_json(found), given, [], origins)
    except ValidationError as error:
        return _wrong(_invalid(name, model, error, layers, registration))
    except (SystemExit, Exception) as error:  # noqa: BLE001 raised by the author's model, and shown as such
        what = f"params of '{name}' cannot be made: {trace.summary(error)}"
        where = f"{registration.file}:{registration.line_of('params')}"
        return _wrong(
            [DefinitionError(what, where, "the traceback shows why", detail=trace.text(error))]
        )


def _wrong(problems: list[DefinitionError]) -> Resolved:
    return Resolved({}, None, problems, {})


def _fields(given: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields the keys that lead to each value of nested overrides."""
    for name, value in given.items():
        keys = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _fields(cast("Mapping[str, object]", value), keys)
        else:
            yield keys


def check_file(params: ParamsFile, registrations: Sequence[Registration]) -> list[DefinitionError]:
    """Returns what is wrong with a file, and with the names in it where they are those of one pipeline."""
    data = params.file.data
    if data is not None and not isinstance(data, dict):
        hint = "write `stage:` and below it `field: value`"
        return [DefinitionError("params.yaml is not a mapping", params.file.place(), hint)]
    if not params.home:
        return []
    known = [params.name(name) for each in registrations for name in (each.name, each.full_name)]
    return check_names(dict(params.entries()), known)


def check_names(entries: Mapping[str, str], known: Sequence[str]) -> list[DefinitionError]:
    """Returns an error for each of the names in a ``params.yaml``, given with their places, that is no stage's."""
    stages = list(dict.fromkeys(known))
    return [
        DefinitionError(
            f"params.yaml names '{name}', which is no stage", place, names.nearest(name, stages)
        )
        for name, place in entries.items()
        if name not in stages
    ]


def _layers(registration: Registration, files: Sequence[ParamsFile]) -> list[_Layer]:
    layers = list[_Layer]()
    if registration.params is not None:
        layers.append(_Layer(registration.params, registration, None, ""))
    for params in files:
        data = params.file.data
        if isinstance(data, dict):
            for name in map(
                params.name, dict.fromkeys((registration.name, registration.full_name))
            ):
                given = data.get(name)
                if given is not None:
                    layers.append(_Layer(given, None, params.file, name))
    return layers


def _invalid(
    name: str,
    model: "type[StageParams]",
    error: "ValidationError",
    layers: Sequence[_Layer],
    registration: Registration,
) -> list[DefinitionError]:
    from pivot_core.define import params

    problems = list[DefinitionError]()
    here = f"{registration.file}:{registration.line_of('params')}"
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        location = item["loc"]
        field = ".".join(map(str, location))
        layer = next((layer for layer in reversed(layers) if _has(layer.given, location)), None)
        where = layer.place(*location) if layer else here
        if item["type"] == "extra_forbidden":
            known = params.field_names(model, tuple(map(str, location[:-1])))
            hint = names.nearest(str(location[-1]), known)
        elif item["type"] == "missing":
            hint = f"set it in params.yaml below `{name}:`, or give the field a default"
        else:
            hint = "correct the value"
        what = f"params of '{name}': {field + ': ' if field else ''}{item['msg']}"
        problems.append(DefinitionError(what, where, hint))
    return problems


def _has(given: object, location: tuple[int | str, ...]) -> bool:
    """Tells whether overrides reach as far as ``location``, or give a whole value on the way."""
    if not location:
        return True
    from pivot_core.define import params

    if isinstance(given, params.StageParams):
        given = params.overrides_of(given)
    for key in location:
        if isinstance(given, Mapping):
            if key not in given:
                return False
            given = cast("Mapping[object, object]", given)[key]
        else:
            return True
    return True
