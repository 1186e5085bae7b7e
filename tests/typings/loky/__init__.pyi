from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor

def get_reusable_executor(
    max_workers: int | None = None,
    context: str | None = None,
    timeout: float | None = 10,
    kill_workers: bool = False,
    reuse: bool | str = "auto",
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[object, ...] = (),
    env: Mapping[str, str] | None = None,
) -> ProcessPoolExecutor: ...
