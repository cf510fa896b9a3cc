"""Which statements of the user's modules can decide what a class computes."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mtlray.identity.user_code.house import House
from mtlray.identity.user_code.inert import Inert
from mtlray.identity.user_code.sources import PYTHON, last_loading
from mtlray.identity.user_code.statements import Chain, Import, Module, Statement


class Reach:
    """What counts: what is asked for, all that it mentions, and in each module that is imported all that is not inert."""

    def __init__(self) -> None:
        self.house, self._inert = _read_once(last_loading())
        self.counted: dict[str, set[int]] = {}
        self._queue: list[tuple[Module, int]] = []
        self._reached = set[tuple[str, Chain]]()

    def from_class(self, module: Module, name: str, loaded: Iterable[str]) -> None:
        """Follow one definition, and the modules that ran before it was used."""
        for other in sorted(loaded):
            self._visit(other)
        self._visit(module.name)
        self._reach(module, (name,))
        while self._queue:
            found, i = self._queue.pop()
            statement = found.statements[i]
            for chain in statement.chains:
                self._reach(found, chain)
            if not statement.is_import:
                for inner in statement.imports:
                    self._follow(inner, ())

    def is_inert(self, module: Module, statement: Statement) -> bool:
        """Whether running a statement changes nothing but the names that it binds."""
        return self._inert.is_inert(module, statement)

    def _count(self, module: Module, i: int) -> None:
        if i not in self.counted[module.name]:
            self.counted[module.name].add(i)
            self._queue.append((module, i))

    def _visit(self, name: str) -> Module | None:
        """A module is imported: what in it is not inert counts."""
        module = self.house.module(name)
        if module is None or name in self.counted:
            return module
        self.counted[name] = set()
        if "." in name:
            self._visit(name.rpartition(".")[0])
        for i, statement in enumerate(module.statements):
            if statement.is_import:
                self._import(statement.imports[0])
            if module.is_reflective or not self._inert.is_inert(module, statement):
                self._count(module, i)
        if module.runs_others:
            for other in _beside(module):
                self._whole(other)
        return module

    def _import(self, bound: Import) -> None:
        """What an import statement runs."""
        self._visit(bound.module)
        if bound.symbol is not None:
            self._visit(f"{bound.module}.{bound.symbol}")

    def _whole(self, name: str) -> None:
        module = self._visit(name)
        for i in range(len(module.statements) if module is not None else 0):
            assert module is not None
            self._count(module, i)

    def _reach(self, module: Module, chain: Chain) -> None:
        if (module.name, chain) in self._reached:
            return
        self._reached.add((module.name, chain))
        for i in module.binders.get(chain[0], []):
            self._count(module, i)
            statement = module.statements[i]
            if statement.is_import:
                self._follow(statement.imports[0], chain[1:])
        for i in module.binders.get("*", []):
            starred = self.house.module(module.statements[i].imports[0].module)
            if starred is not None:
                self._visit(starred.name)
                self._reach(starred, chain)

    def _follow(self, bound: Import, rest: Chain) -> None:
        """What is read from something that is imported."""
        self._import(bound)
        owner = self.house.module(bound.module)
        if owner is None:
            return
        if bound.symbol is None:
            first = bound.module.split(".")[0]
            whole = self.house.module(first) if bound.bound == first else owner
            if whole is not None:
                self._attribute(whole, rest)
        elif bound.symbol == "*":
            self._whole(owner.name)
        else:
            self._attribute(owner, (bound.symbol, *rest))

    def _attribute(self, module: Module, rest: Chain) -> None:
        """`module.a.b`; a module that is used as an object can be asked for anything."""
        self._visit(module.name)
        if not rest:
            self._whole(module.name)
            return
        known = rest[0] in module.binders or "*" in module.binders
        if known:
            self._reach(module, rest)
        below = self.house.module(f"{module.name}.{rest[0]}")
        if below is not None:
            self._attribute(below, rest[1:])
        elif rest[0] not in module.binders:
            self._whole(module.name)


@lru_cache(maxsize=1)
def _read_once(loading: int) -> tuple[House, Inert]:
    """One for all classes of a sweep file."""
    del loading
    house = House()
    return house, Inert(house)


def _beside(module: Module) -> list[str]:
    """The names of all modules in a module's folder and in the packages there."""
    folder = Path(module.source.path).parent
    inside = module.source.is_package
    package = module.name if inside else module.name.rpartition(".")[0]
    found = (path for path in folder.rglob(f"*{PYTHON}") if path != Path(module.source.path))
    files = [path for path in found if all((above / "__init__.py").is_file() for above in _between(path, folder))]
    names = [".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__") for path in files]
    return sorted(f"{package}.{name}" if package else name for name in names if name != "__init__")


def _between(path: Path, folder: Path) -> list[Path]:
    return [parent for parent in path.parents if parent != folder and folder in parent.parents]
