"""Owns the rule for parallelism inside a stage: joblib runs in threads unless the environment asks for processes."""

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

from pivot_core.worker import leftovers


def prepare() -> None:
    """Applies the rule to joblib, at once or when the stage imports it."""
    joblib = sys.modules.get("joblib")
    if joblib is not None:
        _apply(joblib)
    else:
        sys.meta_path.insert(0, _Awaiting())


def shut_down() -> None:
    """Ends the pool of processes that joblib keeps for later, if this process has one."""
    pools = cast("Any", sys.modules.get("joblib.externals.loky"))
    if pools is not None and leftovers.children():
        pools.get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def _apply(joblib: Any) -> None:
    if os.environ.get("PIVOT_NESTED_PARALLELISM") == "processes":
        # Memory-mapped arguments would be files of the stage's that outlive it.
        joblib.parallel_config(backend="loky", max_nbytes=None)
    else:
        joblib.parallel_config(backend="threading")


class _Awaiting:
    """Finds joblib as everybody else does, and applies the rule after it was imported."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "joblib":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = cast("Callable[[ModuleType], None]", spec.loader.exec_module)

            def execute_and_apply(module: ModuleType) -> None:
                execute(module)
                _apply(module)

            spec.loader.exec_module = execute_and_apply
        return spec
