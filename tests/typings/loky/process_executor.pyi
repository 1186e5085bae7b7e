from collections.abc import Callable
from multiprocessing.process import BaseProcess

kill_process_tree: Callable[[BaseProcess], None]
