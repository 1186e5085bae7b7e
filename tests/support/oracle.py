"""Owns the project that chaos tests run, a chain of three stages and a wide layer, and what it must give."""

import random
from pathlib import Path

from tests.support.project import Project

_PIPELINE = """
import rules

def one(seed: Annotated[str, Dep("seed.txt", Text())]) -> Annotated[str, Out("one.txt", Text())]:
    note("one")
    return seed.upper()

def two(text: Annotated[str, Dep("one.txt", Text())]) -> Annotated[str, Out("two.txt", Text())]:
    note("two")
    return rules.extend(text)

def three(
    text: Annotated[str, Dep("two.txt", Text())]
) -> Annotated[dict[str, str], DirectoryOut("three/", Text())]:
    note("three")
    return {"forth.txt": text, "back.txt": text[::-1]}

def layer(
    variant: str,
    own: Annotated[str, PlaceholderDep(Text())],
    whole: Annotated[Path, Dep("three/", PathOnly())],
) -> Annotated[str, Out("layer.txt", Text())]:
    note("layer@" + variant)
    return ":".join([variant, own, (whole / "forth.txt").read_text(), (whole / "back.txt").read_text()])

for stage in (one, two, three):
    pipeline.register(stage)
for number in range(WIDTH):
    pipeline.register(
        layer,
        variant=str(number),
        deps={"own": f"own/{number}.txt"},
        outs={"return": f"layer/{number}.txt"},
    )
"""


class Layered:
    """The project, its random edits and the texts that a run from scratch would make."""

    def __init__(self, root: Path, width: int, seed: int = 0) -> None:
        self.project: Project = Project(root)
        self.width: int = width
        self._random: random.Random = random.Random(seed)
        self._serial: int = 0
        self.project.define(
            "from pivot_core import PlaceholderDep\n" + _PIPELINE.replace("WIDTH", str(width))
        )
        self._write_rules("+")
        self.project.put("seed.txt", "seed")
        for number in range(width):
            self.project.put(f"own/{number}.txt", str(number))

    def expected(self) -> dict[str, str]:
        """Returns path and text of every out, from the inputs as they are."""
        read = self.project.get
        two = read("seed.txt").upper() + self._sign
        texts = {
            "one.txt": read("seed.txt").upper(),
            "two.txt": two,
            "three/forth.txt": two,
            "three/back.txt": two[::-1],
        }
        for number in range(self.width):
            own = read(f"own/{number}.txt")
            texts[f"layer/{number}.txt"] = ":".join([str(number), own, two, two[::-1]])
        return texts

    def found(self) -> dict[str, str]:
        """Returns path and text of every out that lies there."""
        places = [self.project.root / name for name in ("one.txt", "two.txt")]
        places += [
            path for name in ("three", "layer") for path in self.project.root.glob(f"{name}/*")
        ]
        return {
            str(path.relative_to(self.project.root)): path.read_text()
            for path in sorted(places)
            if path.exists() and path.name != ".gitignore"
        }

    def edit(self) -> str:
        """Makes one random edit and says which; each may concern any part of the graph."""
        self._serial += 1
        number = self._random.randrange(self.width)
        kind = self._random.choice(
            ["seed", "seed", "revert", "code", "own", "own", "delete", "damage", "object"]
        )
        outs = [path for path in self.expected() if (self.project.root / path).exists()]
        out = self._random.choice(outs or ["seed.txt"])
        match kind:
            case "seed":
                self.project.put("seed.txt", f"seed{self._serial}")
            case "revert":
                self.project.put("seed.txt", "seed")
            case "code":
                self._write_rules(self._random.choice("+-*/"))
            case "own":
                self.project.put(f"own/{number}.txt", f"own{self._serial}")
            case "delete" if outs:
                self.project.remove(out)
            case "damage" if outs:
                self.project.put(out, f"damaged{self._serial}")
            case "object":
                self._damage_object()
            case _:
                pass
        return f"{kind} {out} {number}"

    def edit_all(self) -> None:
        """Changes what every stage depends on, to something new."""
        self._serial += 1
        self.project.put("seed.txt", f"all{self._serial}")

    def _damage_object(self) -> None:
        objects = sorted(self.project.objects())
        if objects:
            chosen = self._random.choice(objects)
            chosen.chmod(0o644)
            chosen.write_text("x" * chosen.stat().st_size)

    def _write_rules(self, sign: str) -> None:
        self._sign: str = sign
        self.project.put(
            "rules.py", f"SIGN = {sign!r}\n\ndef extend(text):\n    return text + SIGN\n"
        )
