"""Hooks that are called when a library is imported.

Theory of operation. A finder is the first in ``sys.meta_path``. For the few names that it knows it
lets the finders after it find the module, and wraps the module's loader while the module is
executed. Then ``__spec__`` and ``__loader__`` are set to the module's own loader again, and the
hook is called with the module. The hook of a library that was imported earlier is called at once.
Hooks do not import libraries, and every other name costs one look-up in a dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Hook = Callable[[ModuleType], object]


def when_imported(hooks: Mapping[str, Hook]) -> None:
    """Call each function of ``hooks`` with the module of its name, now or when it is imported.

    A function is called after the module was executed and before the ``import`` returns; the
    ``import`` raises its errors.
    """
    sys.meta_path.insert(0, _Finder(hooks))
    for name, hook in hooks.items():
        module = sys.modules.get(name)
        if module is not None:
            hook(module)


class _Finder(MetaPathFinder):
    """Finds the modules that have a hook, by means of the finders after it."""

    def __init__(self, hooks: Mapping[str, Hook]) -> None:
        self._hooks = hooks

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return the specification of a module with a hook, ``None`` for all others."""
        hook = self._hooks.get(name)
        if hook is None:
            return None
        # Those before this one have been called already; another one of this class may be there.
        position = next((n for n, each in enumerate(sys.meta_path) if each is self), -1)
        for finder in sys.meta_path[position + 1 :]:
            spec = finder.find_spec(name, path, target)
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
