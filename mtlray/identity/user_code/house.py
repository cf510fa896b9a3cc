"""The user's modules that a digest has looked at, and what a name in one of them stands for."""

from dataclasses import dataclass, field

from mtlray.identity.user_code.sources import own_source
from mtlray.identity.user_code.statements import Chain, Import, Module, Statement, parsed


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name stands for: a definition of the user's, a library's object, or something else."""

    module: Module | None = None
    statement: Statement | None = None
    foreign: str = ""
    """The dotted name of something that is not the user's."""


UNKNOWN = Meaning()


@dataclass(eq=False)
class House:
    """The user's modules by name, each parsed once."""

    _modules: dict[str, Module | None] = field(default_factory=dict)

    def module(self, name: str) -> Module | None:
        """A module of the user's own; None for one that is not, or does not exist."""
        if name not in self._modules:
            source = own_source(name) if name else None
            self._modules[name] = parsed(source) if source is not None else None
        return self._modules[name]

    def meaning(self, module: Module, chain: Chain, depth: int = 0) -> Meaning:
        """What a chain of names stands for in a module, as far as its text tells."""
        statement = module.only(chain[0])
        if statement is None or "*" in module.binders or depth > 20:
            return UNKNOWN
        if not statement.is_import:
            return Meaning(module, statement) if len(chain) == 1 else UNKNOWN
        (bound,) = statement.imports
        return self._imported(bound, chain[1:], depth + 1)

    def _imported(self, bound: Import, rest: Chain, depth: int) -> Meaning:
        path = (bound.module, *((bound.symbol,) if bound.symbol else ()), *rest)
        owner = self.module(bound.module)
        if owner is None:
            return Meaning(foreign=".".join(path))
        if bound.symbol is None:
            if bound.bound != bound.module and "." in bound.module and bound.bound == bound.module.split(".")[0]:
                owner = self.module(bound.bound)
            return self._inside(owner, rest, depth)
        below = self.module(f"{bound.module}.{bound.symbol}")
        if bound.symbol in owner.binders or below is None:
            return self.meaning(owner, (bound.symbol, *rest), depth)
        return self._inside(below, rest, depth)

    def _inside(self, owner: Module | None, rest: Chain, depth: int) -> Meaning:
        if owner is None or not rest:
            return UNKNOWN
        if rest[0] in owner.binders:
            return self.meaning(owner, rest, depth)
        return self._inside(self.module(f"{owner.name}.{rest[0]}"), rest[1:], depth)
