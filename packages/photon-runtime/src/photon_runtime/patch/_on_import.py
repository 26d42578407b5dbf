"""What is done to a library when it is imported.

Theory of operation. A finder stands before all others in ``sys.meta_path``. For the few names that
it knows it lets the others find the module, and puts itself between the loader and the interpreter
for the one moment in which the module is executed: then the module's own loader stands in
``__spec__`` and ``__loader__`` as if nobody had been there, and the function is called with the
module. A library that was imported before is given to its function at once. None is imported for
the purpose, and every other name passes with one look into a dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Hook = Callable[[ModuleType], object]


def when_imported(hooks: Mapping[str, Hook]) -> None:
    """Call each function of ``hooks`` with the module of its name, now or as soon as it is there.

    A function is called after the module was executed and before the ``import`` returns; what it
    raises comes out of the ``import``.
    """
    sys.meta_path.insert(0, _Finder(hooks))
    for name, hook in hooks.items():
        module = sys.modules.get(name)
        if module is not None:
            hook(module)


class _Finder(MetaPathFinder):
    """Finds the modules that have a hook, by means of the other finders."""

    def __init__(self, hooks: Mapping[str, Hook]) -> None:
        self._hooks = hooks

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return the specification of a module with a hook, ``None`` for all others."""
        hook = self._hooks.get(name)
        if hook is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, hook)
                return spec
        return None


class _Loader(Loader):
    """Executes a module by its own loader, and calls the hook."""

    def __init__(self, loader: Loader, hook: Hook) -> None:
        self._loader = loader
        self._hook = hook

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let the module's own loader make it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then call the hook."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._hook(module)
