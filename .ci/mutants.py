"""Mutation tests: change the code in one place at a time, and check that a test fails.

    python .ci/mutants.py                          # every target, every mutant
    python .ci/mutants.py metrics losses           # some targets
    python .ci/mutants.py --sample 25 --seed 3     # at most 25 mutants a target

Mutants are: comparisons moved to their border or negated, arithmetic and set operators swapped, numbers one more and
one less, truth values flipped, `and` and `or` swapped, conditions negated, statements deleted, and `return None`.
Messages of exceptions, annotations, decorators and docstrings stay as they are. The working tree is only read: mutants
are written to a copy in a temporary folder. Each mutant runs the tests named for its target in a process of its own,
with a time limit; the process is forked from one that has imported the libraries, but nothing of this package.

Survivors are compared with ``.ci/mutants.txt``, which holds the reason why each changes nothing that can be tested.
Exit status 1 if there are others. Reasons that no mutant needs are listed, but only if nothing was left out.

It is not mutmut because mutmut 3.8 leaves out decorated functions.
"""

import argparse
import ast
import compileall
import copy
import os
import py_compile
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REASONS = Path(__file__).with_suffix(".txt")
# The fastest backend for small operations that are not repeated.
os.environ.setdefault("KERAS_BACKEND", "torch")
# Plugins of pytest are of no use here, and take their time.
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


@dataclass(frozen=True)
class Target:
    """Files, and the tests that must notice a change of them, the quickest first."""

    files: list[str]
    tests: list[str]


TARGETS = {
    "metrics": Target(
        ["metrics/_ratios.py", "metrics/_report.py", "metrics/_validation.py", "metrics/_predictions.py"],
        ["metrics/test_metrics_properties.py", "metrics"],
    ),
    "losses": Target(["losses.py"], ["test_losses_properties.py"]),
    "thresholds": Target(
        ["one_vs_rest/_threshold_rules.py", "one_vs_rest/_promises.py", "one_vs_rest/_thresholds.py"],
        ["one_vs_rest/test_threshold_properties.py"],
    ),
    "file format": Target(
        [f"persistence/archive/_{name}.py" for name in ("json", "manifest", "npy", "reader", "writer", "zip_records")],
        ["persistence/test_archive_format.py"],
    ),
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


@dataclass(frozen=True)
class Mutant:
    """One changed file; `before` and `after` are the line that differs."""

    file: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}\n- {self.before}\n+ {self.after}"


def left_alone(tree: ast.AST) -> set[int]:
    """Nodes, by id, inside annotations, decorators and messages of exceptions."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            a = node.args
            arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
            roots += [node.returns, *node.decorator_list, *(argument.annotation for argument in arguments if argument)]
        elif isinstance(node, ast.ClassDef):
            roots += node.decorator_list
        elif isinstance(node, ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.Raise):
            roots.append(node.exc)
    return {id(inner) for root in roots if root is not None for inner in ast.walk(root)}


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    changed = copy.copy(node)
    match node:
        case ast.Compare():
            for i, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    changed = copy.copy(node)
                    changed.ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
                    yield changed
        case ast.BinOp() | ast.AugAssign() if type(node.op) in OPERATORS:
            changed.op = OPERATORS[type(node.op)]()
            yield changed
        case ast.BoolOp():
            changed.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            yield changed
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
            yield ast.Constant(node.value - 1)
        case ast.If() | ast.While() | ast.IfExp():
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield changed
        case ast.comprehension():
            for i, condition in enumerate(node.ifs):
                changed = copy.copy(node)
                changed.ifs = [*node.ifs[:i], ast.UnaryOp(ast.Not(), condition), *node.ifs[i + 1 :]]
                yield changed
        case ast.Return() if node.value is not None:
            yield ast.Return(ast.Constant(None))
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)) and not is_docstring:
        yield ast.Pass()


def replaced(tree: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """A copy of a tree with one other node; the tree stays as it is."""
    if tree is old:
        return new
    found = copy.copy(tree)
    for name, value in ast.iter_fields(tree):
        if isinstance(value, ast.AST):
            setattr(found, name, replaced(value, old, new))
        elif isinstance(value, list):
            setattr(found, name, [replaced(v, old, new) if isinstance(v, ast.AST) else v for v in value])
    return found


def mutants(file: str) -> list[Mutant]:
    """All mutants of a file."""
    tree = ast.parse((ROOT / file).read_text())
    lines = ast.unparse(tree).splitlines()
    alone = left_alone(tree)
    found: dict[str, Mutant] = {}
    for node in ast.walk(tree):
        for new in replacements(node) if id(node) not in alone else ():
            source = ast.unparse(ast.fix_missing_locations(replaced(tree, node, new)))
            changed = source.splitlines()
            i = next((i for i, (a, b) in enumerate(zip(lines, changed, strict=False)) if a != b), None)
            if i is not None:
                found.setdefault(source, Mutant(file, lines[i].strip(), changed[i].strip(), source))
    return list(found.values())


def run_tests(folder: Path, tests: list[str], limit: float) -> str:
    """Run tests with few examples by hypothesis, then with all of them: "passed", "failed" or "timeout"."""
    results = (run_test(folder, test, examples, limit) for examples in (10, 100) for test in tests)
    return next((result for result in results if result != "passed"), "passed")


def run_test(folder: Path, test: str, examples: int, limit: float) -> str:
    """Run a test on the package in a folder, in a forked process."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = 99
        try:
            os.chdir(folder)
            sys.path.insert(0, str(folder))
            import hypothesis

            import sk_cifar_ovr

            hypothesis.settings.register_profile("mutants", phases=[hypothesis.Phase.generate], max_examples=examples)
            hypothesis.settings.load_profile("mutants")

            if Path(sk_cifar_ovr.__file__).is_relative_to(folder):
                options = ["-x", "-o", "addopts=", "-p", "no:cacheprovider", "--assert=plain"]
                code = int(pytest.main([*options, f"tests/{test}"]))
        except BaseException as error:  # a mutant that cannot be imported
            print(repr(error))
            code = 1
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code == 99:
                raise SystemExit("The tests did not run on the copy of the package.")
            return "passed" if code == 0 else "failed"
        time.sleep(0.02)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "timeout"


def known_survivors() -> dict[str, str]:
    """Reasons by mutant, from blocks of a file name, ``- before``, ``+ after`` and ``= reason``."""
    found, lines = {}, REASONS.read_text().splitlines() if REASONS.exists() else []
    for i, line in enumerate(lines):
        if line.startswith("= "):
            found["\n".join(lines[i - 3 : i])] = line[2:]
    return found


def preload() -> None:
    """Import what takes long, and nothing of this package."""
    import hypothesis  # noqa: F401
    import imblearn.over_sampling  # noqa: F401
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import scikeras.wrappers  # noqa: F401
    import sklearn.metrics  # noqa: F401

    if os.environ["KERAS_BACKEND"] == "torch":
        import torch

        torch.set_num_threads(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", help="default: all")
    parser.add_argument("--sample", type=int, help="mutants a target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="mutants whose changed line holds this text")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"the targets are {', '.join(TARGETS)}")
    sys.dont_write_bytecode = True
    preload()
    known, needed, unexplained = known_survivors(), set(), 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("sk_cifar_ovr", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", folder)
        # Compiled once; a hash tells which of the files is a mutant.
        compileall.compile_dir(folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        for name in options.targets or TARGETS:
            target = TARGETS[name]
            start = time.monotonic()
            if run_tests(folder, target.tests, 600) != "passed":
                print((folder / "output.txt").read_text()[-3000:])
                return 1
            limit = 20 + 2 * (time.monotonic() - start)
            found = [m for file in target.files for m in mutants(f"sk_cifar_ovr/{file}") if options.only in m.before]
            if options.sample and options.sample < len(found):
                found = random.Random(options.seed).sample(found, options.sample)
            counts = {"failed": 0, "timeout": 0, "passed": 0}
            for i, mutant in enumerate(found):
                print(f"{name} {i} of {len(found)}", end="\r", file=sys.stderr, flush=True)
                path = folder / mutant.file
                original = path.read_text()
                path.write_text(mutant.source)
                result = run_tests(folder, target.tests, limit)
                path.write_text(original)
                counts[result] += 1
                if result == "passed" and str(mutant) in known:
                    needed.add(str(mutant))
                elif result == "passed":
                    unexplained += 1
                    print(f"SURVIVED {mutant}", flush=True)
            print(
                f"{name}: {len(found)} mutants in {time.monotonic() - start:.0f} s, {counts['failed']} failed a test, "
                f"{counts['timeout']} ran too long, {counts['passed']} survived",
                flush=True,
            )
    if not (options.targets or options.sample or options.only):
        for mutant in known.keys() - needed:
            print(f"NO LONGER NEEDED {mutant}")
    print(f"{unexplained} survivors without a reason in {REASONS.name}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    import pytest

    sys.exit(main())
