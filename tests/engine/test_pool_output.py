"""What a stage writes to its descriptors arrives in its log, whole and in bounded memory."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.support.stage_project import Project, running

STAGES = """
    def holds_the_gil() -> Annotated[str, Out("holds_the_gil.txt", Text())]:
        line = b"x" * 99 + b"\\n"
        write = ctypes.PyDLL(None).write
        for _ in range(100):
            block = line * 100
            assert write(1, block, len(block)) == len(block)
        return ""

    def subprocesses() -> Annotated[str, Out("subprocesses.txt", Text())]:
        print("first")
        subprocess.run(["sh", "-c", "echo second; echo third >&2"], check=True)
        os.system("echo fourth")
        return ""

    def floods() -> Annotated[str, Out("floods.txt", Text())]:
        block = b"y" * 63 + b"\\n"
        for _ in range(200 * 16):
            os.write(1, block * 1024)
        return ""

    def one_long_line() -> Annotated[str, Out("one_long_line.txt", Text())]:
        os.write(1, b"before\\n")
        for _ in range(50):
            sys.stdout.write("z" * (1 << 20))
        print()
        print("after")
        return ""

    def no_line_end() -> Annotated[str, Out("no_line_end.txt", Text())]:
        print("prompt: ", end="", flush=True)
        return ""

    def bar() -> Annotated[str, Out("bar.txt", Text())]:
        for _ in range(500):
            print("\\r 62%|###", end="", flush=True)
            time.sleep(0.02)
            if os.path.exists("seen"):
                break
        return "seen" if os.path.exists("seen") else "never seen"

    def odd_bytes() -> Annotated[str, Out("odd_bytes.txt", Text())]:
        os.write(1, bytes(byte for byte in range(256) if byte != 10) + b"\\n")
        print("\\ud800 lone")
        return ""

    def reads_stdin() -> Annotated[str, Out("reads_stdin.txt", Text())]:
        return repr(sys.stdin.read())

    def silent() -> Annotated[str, Out("silent.txt", Text())]:
        return ""

    def at_exit() -> Annotated[str, Out("at_exit.txt", Text())]:
        import atexit
        atexit.register(print, "farewell")
        return ""
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, STAGES)


def records(project: Project, stage: str) -> list[bytes]:
    info = project.info(stage)
    return Path(info["log_path"]).read_bytes().splitlines(keepends=True)


async def test_c_code_that_holds_the_gil_writes_a_megabyte(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("holds_the_gil", timeout_s=60))
    assert report["outcome"] == "done"
    assert project.log("holds_the_gil") == ["o " + "x" * 99] * 10_000


@pytest.mark.parametrize("isolation", ["fork", "worker"])
async def test_a_progress_bar_that_never_pauses_is_in_the_log_meanwhile(
    isolation: str, project: Project
) -> None:
    async with running(project) as run:
        going = asyncio.create_task(run.pool.run(project.info("bar", isolation=isolation)))
        await run.grew("bar")
        assert b"".join(records(project, "bar"))[13:].startswith(b"O \r 62%|###")
        (project.root / "seen").touch()
        await going
    assert (project.root / "bar.txt").read_text() == "seen"


async def test_subprocesses_are_captured_in_order(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("subprocesses"))
    log = project.log("subprocesses")
    assert [line for line in log if line[0] == "o"] == ["o first", "o second", "o fourth"]
    assert "e third" in log


async def test_a_flood_is_whole_and_the_worker_stays_small(project: Project) -> None:
    async with running(project) as run:
        before = await run.pool.run(project.info("silent"))
        assert before["log_bytes"] == 0
        report = await run.pool.run(project.info("floods", timeout_s=120))
        worker = run.worker_pids()[0]
        with open(f"/proc/{worker}/status", encoding="utf-8") as file:
            peak = next(line for line in file if line.startswith("VmHWM"))
    assert report["outcome"] == "done"
    assert report["log_bytes"] == 200 * 16 * 1024 * (64 + 15)
    assert int(peak.split()[1]) < 80_000


async def test_a_log_is_bounded_and_says_how_much_was_dropped(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("floods", timeout_s=120, log_max_bytes=1 << 20))
    assert report["outcome"] == "done"
    assert report["log_bytes"] < (1 << 20) + 500
    *_, limit, dropped = project.log("floods")
    assert limit.startswith("p the log reached its limit of 1,048,576 bytes")
    kept = [line for line in project.log("floods") if line[0] == "o"]
    assert f"{200 * 16 * 1024 * 79 - len(kept) * 79:,} bytes dropped" in dropped


async def test_a_line_of_50_mb_comes_in_pieces(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("one_long_line", timeout_s=60))
    log = records(project, "one_long_line")
    assert log[0][13:] == b"o before\n"
    assert log[-1][13:] == b"o after\n"
    pieces = log[1:-1]
    assert b"".join(piece[15:-1] for piece in pieces) == b"z" * (50 << 20)
    assert {piece[13:14] for piece in pieces[:-1]} == {b"O"}
    assert pieces[-1][13:14] == b"o"
    assert max(len(piece) for piece in pieces) <= 65536 + 16


async def test_a_line_without_an_end_is_kept(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("no_line_end"))
    assert project.log("no_line_end") == ["o prompt: "]


async def test_every_byte_is_stored_as_it_came(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("odd_bytes"))
    raw = Path(project.info("odd_bytes")["log_path"]).read_bytes()
    assert bytes(byte for byte in range(256) if byte != 10) in raw
    assert b"\\ud800 lone" in raw


async def test_standard_input_is_empty(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("reads_stdin"))
    assert (project.root / "reads_stdin.txt").read_text() == "''"


async def test_a_silent_stage_has_no_log_file(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("silent"))
    assert not os.path.exists(project.info("silent")["log_path"])


async def test_exit_handlers_of_the_stage_run(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("at_exit"))
    assert project.log("at_exit") == ["o farewell"]


async def test_logs_are_private(project: Project) -> None:
    async with running(project) as run:
        await run.pool.run(project.info("at_exit"))
    path = project.info("at_exit")["log_path"]
    assert os.stat(path).st_mode & 0o077 == 0
    assert os.stat(os.path.dirname(path)).st_mode & 0o077 == 0
