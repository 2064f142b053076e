"""The arrows between rooms: imports go down only, through a room's front door, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sk_cifar_ovr"

# A room, or a file beside the rooms, imports only what it names here and what these import.
BELOW = {
    "__main__": {"cli"},
    "cli": {"report"},
    "report": {"persistence", "features", "plots", "manifold", "datasets"},
    "persistence": {"features", "manifold"},
    "features": {"one_vs_rest"},
    "one_vs_rest": {"imbalance"},
    "imbalance": {"classifier"},
    "classifier": {"engine"},
    "engine": {"networks", "losses", "augment"},
    "plots": {"metrics"},
    "model_selection": {"metrics"},
    "networks": set(),
    "losses": set(),
    "augment": set(),
    "datasets": set(),
    "manifold": set(),
    "metrics": set(),
}
FOR_ALL = {"_shared", "exceptions"}
# Import paths of earlier versions.
ALIASES = {"_moved": {"networks", "one_vs_rest"}}
# Constructors, and public functions with options.
MANY_OPTIONS = {"__init__", "keras_application", "load_image_folder", "load_image_table"}

FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def all_below(room):
    direct = {**BELOW, **ALIASES}.get(room, set())
    return direct.union(*map(all_below, direct))


def imported(path):
    """Modules of this package that a file imports, anywhere in it, as parts of their dotted names."""
    package = path.parts[:-1]
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) + 1 - node.level]
            module = (*base, *(node.module.split(".") if node.module else ()))
            yield from [module] if node.module else [(*base, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and path.parts[0] in ALIASES:
            yield tuple(node.module.split(".")[1:])
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("sk_cifar_ovr"), f"{path} imports by the package's name"
        elif isinstance(node, ast.Import):
            assert not any(a.name.startswith("sk_cifar_ovr") for a in node.names), f"{path} imports by name"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_down_and_through_the_front_door(path):
    room = path.parts[0].removesuffix(".py")
    if room == "__init__":
        assert not list(imported(path))
        return
    allowed = all_below(room) | FOR_ALL
    for module in imported(path):
        if module[0] == room:
            continue
        assert module[0] in allowed, f"{path} imports {'.'.join(module)}, which is not below it"
        behind_the_door = module[0] != "_shared" and any(part.startswith("_") for part in module)
        assert not behind_the_door or room in ALIASES, f"{path} imports {'.'.join(module)}, a private file"


def test_every_room_has_a_place_and_says_what_it_is_for():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert rooms | files == {"__init__", *BELOW, *FOR_ALL, *ALIASES}
    for room in rooms - ALIASES.keys():
        assert ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))


def test_no_file_or_folder_grows_out_of_sight():
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 22
    for folder in {PACKAGE / path.parent for path in FILES}:
        assert len([path for path in folder.iterdir() if path.is_file()]) <= 14, folder
    for path in FILES:
        text = (PACKAGE / path).read_text()
        docstrings = sum(
            len((ast.get_docstring(node, clean=False) or "").splitlines())
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        )
        n_lines = len(text.splitlines())
        assert n_lines <= 300 or docstrings > n_lines / 2, f"{path} has {n_lines} lines"


def test_functions_take_at_most_six_arguments():
    """But for constructors and the options of public functions."""
    for path in FILES:
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            if isinstance(node, ast.FunctionDef) and node.name not in MANY_OPTIONS:
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                names = {argument.arg for argument in arguments} - {"self", "cls"}
                assert len(names) <= 6, f"{path}: {node.name}"


def test_the_engine_knows_no_scikit_learn():
    for path in FILES:
        if path.parts[0] == "engine":
            assert not {"sklearn", "imblearn", "scikeras"} & set(foreign(path)), path


def foreign(path):
    """Top-level packages that a file imports."""
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("keras", "tensorflow", "jax", "torch", "matplotlib", "sklearn", "pandas", "scikeras")
    loaded = run_python(f"import sys, sk_cifar_ovr; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("room", ["datasets", "manifold", "metrics", "plots", "model_selection"])
def test_rooms_without_networks_load_no_keras(room):
    loaded = run_python(f"import sys, sk_cifar_ovr.{room}; print('keras' in sys.modules)")
    assert loaded.strip() == "False"


def test_import_paths_of_earlier_versions_still_work():
    out = run_python(
        "from sk_cifar_ovr.backbones import keras_application, densenet121\n"
        "from sk_cifar_ovr.whitening import Whitening\n"
        "from sk_cifar_ovr import networks\n"
        "print(networks.keras_application is keras_application, networks.Whitening is Whitening)"
    )
    assert out.strip() == "True True"


def test_only_the_seams_know_private_names():
    """scikeras in one file, and at most three private names of scikit-learn in another."""
    scikeras, private = set(), {}
    for path in FILES:
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                if node.module.split(".")[0] == "scikeras":
                    scikeras.add(str(path))
                if node.module.startswith("sklearn"):
                    hidden = any(part.startswith("_") for part in node.module.split("."))
                    names = {alias.name for alias in node.names if hidden or alias.name.startswith("_")}
                    private.setdefault(str(path), set()).update(names)
    private = {path: names for path, names in private.items() if names}
    assert scikeras == {"classifier/_scikeras.py"}
    assert private.keys() <= {"_shared/sklearn_internals.py"}
    assert all(len(names) <= 3 for names in private.values()), private
