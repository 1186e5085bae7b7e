"""Which files a command names as code."""

import pytest

from pivot_core.define import script

NAMED = {
    "python src/train.py data/in.csv models/m.pkl": ["src/train.py"],
    "python -u src/train.py --config conf/a.yaml --out=b.csv": ["src/train.py", "conf/a.yaml"],
    "train --config=conf/a.toml": ["conf/a.toml"],
    "bash run data.txt": ["run"],
    "./tools/clean raw.csv": ["tools/clean"],
    "clean raw.csv": [],
    "python -c 'print(1)' x.csv": [],
    "python -m pkg.mod in.csv": [
        "pkg/__init__.py",
        "pkg/mod/__init__.py",
        "pkg/mod.py",
        "pkg/mod/__main__.py",
    ],
    "cd src && python train.py ../other.py": ["src/train.py", "other.py"],
    "python a.py > log.yaml && python b.py 2>> err.yaml < in.py": ["a.py", "b.py", "in.py"],
    "RATE=1 env X=2 python3.13 a.py | tee out.txt; sh b": ["a.py", "b"],
    "for f in 1 2; do\n  ruby step.rb $f\ndone": ["step.rb"],
    "set -e\npython \\\n  a.py\n. ./env": ["a.py", "env"],
    "python 'my script.py'": ["my script.py"],
    "python 'a.py": ["a.py"],
    "bash -c 'python a.py && echo b.py'": ["a.py", "b.py"],
    'python "$script" ${other}.py': [],
    "python /usr/lib/x.py ../../y.py .git/z.py": [],
}


@pytest.mark.parametrize("line", NAMED)
def test_a_command_names_scripts_and_settings(line: str) -> None:
    assert script.named(line, "/project", "/project") == NAMED[line]


def test_words_are_relative_to_where_the_command_runs() -> None:
    assert script.named("python ../a.py b.py", "/project/src", "/project") == ["a.py", "src/b.py"]
