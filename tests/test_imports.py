"""The house's arrows: imports go down only, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sk_cifar_ovr"

# Each module imports only modules of lower floors.
FLOORS = [
    {
        "exceptions",
        "_freeze",
        "_sklearn",
        "_progress",
        "_tables",
        "_intervals",
        "_thumbnails",
        "_repulsion",
        "_distinct_rows",
        "_whole_file",
    },
    {"_plot_style", "_opentsne", "_state"},
    {"_archive", "_download"},
    {"_images", "_cifar", "_keras_home"},
    {"datasets", "losses", "augment", "whitening", "_image_input"},
    {"strong_networks", "_applications"},
    {"_backbone_layers", "_pretrained"},
    {"backbones"},
    {
        "networks",
        "_split",
        "_courses",
        "_precision",
        "_heads",
        "_built_models",
        "_backends",
        "_batches",
        "_rows",
        "_labels",
        "_problem_weights",
        "_thresholds",
        "_calibration",
        "_resampling",
        "_neighbors",
    },
    {"_objective", "_recipes", "_branches"},
    {"_problem_samplers", "_compiled", "_weighted_rows"},
    {"_programs"},
    {"_pool"},
    {"_scikeras", "_prediction"},
    {"_training", "_training_rows"},
    {"_features_store"},
    {"_phases"},
    {"_fitted"},
    {"_jobs"},
    {"_fitting"},
    {"classifier"},
    {"imbalance"},
    {"_ovr_samplers"},
    {"_searches"},
    {"_problems"},
    {"_crossfit"},
    {"multiclass", "manifold"},
    {"features"},
    {"_ovr_input"},
    {"_curves", "_mistakes"},
    {"metrics"},
    {"model_selection"},
    {"_curve_plots", "_embedding_plot", "_run_plots"},
    {"plots"},
    {"_encoding"},
    {"persistence"},
    {"_run"},
    {"_markdown", "_map", "_pictures"},
    {"_html_table", "_html_map"},
    {"_html"},
    {"report"},
    {"cli"},
    {"__main__"},
]
FLOOR = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def imported(module):
    """Modules of this package that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("sk_cifar_ovr"), f"{module} imports the package root"
        elif isinstance(node, ast.Import):
            assert not any(a.name.startswith("sk_cifar_ovr") for a in node.names), f"{module} imports the root"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module):
    assert module in FLOOR, f"{module} has no floor in the house yet"
    upward = [other for other in imported(module) if FLOOR[other] >= FLOOR[module]]
    assert not upward


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("keras", "tensorflow", "jax", "torch", "matplotlib", "sklearn", "pandas", "scikeras")
    loaded = run_python(f"import sys, sk_cifar_ovr; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_only_the_seams_know_private_names():
    """scikeras in one file; scikit-learn's private modules in another."""
    users = {"scikeras": set(), "sklearn._": set()}
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module.split(".")[0] == "scikeras":
                    users["scikeras"].add(module)
                private = any(part.startswith("_") for part in node.module.split("."))
                private |= any(alias.name.startswith("_") for alias in node.names)
                if node.module.startswith("sklearn") and private:
                    users["sklearn._"].add(module)
    assert users["scikeras"] == {"_scikeras"}
    assert users["sklearn._"] <= {"_sklearn"}
