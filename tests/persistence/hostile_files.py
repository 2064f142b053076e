"""One file for each known way into a process that loads a model, or to exhaust it."""

import copy
import io
import itertools
import json
import pickle
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from archives import DOCUMENT, MANIFEST, forge, npy, parts_of, sealed, write_parts

SIGN = "/tmp/sk_cifar_ovr_was_here"


def every(documents, change):
    """Change the documents of all fitted networks."""
    for document in documents:
        if document.get("kind") == "CNNClassifier" and document["fitted"]:
            change(document)


class Folder:
    """A folder whose files are named by any text."""

    def __init__(self, path):
        self._path = Path(path)

    def __truediv__(self, name):
        return self._path / re.sub(r"[^\w .,:+-]", "_", name)[:80]


class Runs:
    def __reduce__(self):
        return open, (SIGN, "w")


def craft(folder, classifier, neighbors, keras_model):
    """Write hostile files into a folder.

    Parameters
    ----------
    folder : path-like
    classifier, neighbors, keras_model : path
        Saved files: a one-vs-rest classifier, a Pipeline of features and neighbors, a classifier on a Keras model.
    """
    folder = Folder(folder)
    for make in (_containers, _manifests, _documents):
        make(folder, classifier)
    _scikit_learn(folder, neighbors)
    _keras(folder, keras_model)


def _containers(folder, path):
    whole = path.read_bytes()
    parts = parts_of(path)
    for percent in range(100):
        (folder / f"truncated {percent}").write_bytes(whole[: len(whole) * percent // 100])
    (folder / "text").write_bytes(b"no archive" * 100)
    (folder / "prefix").write_bytes(b"#!/bin/sh\n" + whole)
    (folder / "suffix").write_bytes(whole + b"\0" * 10)
    (folder / "comment").write_bytes(whole[:-2] + b"\x05\0hello")
    (folder / "pickle").write_bytes(pickle.dumps(Runs()))
    (folder / "HDF5 file").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))
    order = list(parts)
    arrays = [name for name in order if name.endswith(".npy")]
    for name, inner in {
        "traversal": "../../x",
        "absolute": "/tmp/x",
        "drive": "C:\\x",
        "link": "link.json",
        "directory": "arrays/",
    }.items():
        write_parts(folder / name, [*parts.items(), (inner, SIGN.encode())])
        with zipfile.ZipFile(folder / f"{name} by zipfile", "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, content)
            info = zipfile.ZipInfo(inner)
            info.external_attr = 0o120777 << 16 if name == "link" else 0
            archive.writestr(info, SIGN)
    write_parts(folder / "a part twice", [*parts.items(), (arrays[0], parts[arrays[0]])])
    write_parts(folder / "a part that is not listed", [*parts.items(), ("arrays/999.npy", npy(np.zeros(3)))])
    write_parts(folder / "a part lacks", {name: parts[name] for name in order[:-1]})
    write_parts(folder / "other order", {name: parts[name] for name in [*order[:2], *order[:1:-1]]})
    same_shape = [name for name in arrays if len(parts[name]) == len(parts[arrays[0]])]
    equal = next((a, b) for a in same_shape for b in same_shape if parts[a] != parts[b])
    write_parts(folder / "swapped arrays", {**parts, equal[0]: parts[equal[1]], equal[1]: parts[equal[0]]})
    write_parts(folder / "wrong checksum", parts, change_entry=lambda entry: replace(entry, crc=entry.crc ^ 1))
    write_parts(folder / "sizes of the file", parts, change_entry=lambda entry: replace(entry, size=2**32 - 1))
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.writestr("arrays/999.npy", bytes(300_000_000))
    (folder / "bomb").write_bytes(deflated.getvalue())
    write_parts(folder / "nested bomb", sealed({**parts, arrays[0]: deflated.getvalue()}))
    encrypted = bytearray(whole)
    encrypted[6] |= 1
    (folder / "encrypted").write_bytes(encrypted)
    many = {f"arrays/{i}.npy": b"" for i in range(20_000)}
    write_parts(folder / "many empty parts", {**parts, **many})


def _manifests(folder, path):
    parts = parts_of(path)
    arrays = [name for name in parts if name.endswith(".npy")]

    def write(name, change, content=None):
        write_parts(folder / name, sealed({**parts, **(content or {})}, change))

    def first_array(manifest):
        return next(part for part in manifest["parts"] if part["name"] == arrays[0])

    for shape in ([10**12], [2**62, 2**62], [-1, 4], [True], [1.5], ["4"], [[4]], {}, [1] * 100, None):
        write(f"shape {shape}", lambda manifest, shape=shape: first_array(manifest).update(shape=shape))
    for dtype in (
        "|O",
        "<f16",
        "object",
        "<U9999999999",
        [["a", "|O"]],
        [["a", "<f4"]],
        3,
        None,
        "<f4'+__import__('os')",
    ):
        write(f"dtype {dtype}", lambda manifest, d=dtype: first_array(manifest).update(dtype=d))
    for key, values in {
        "size": (10**12, -1, 0, 1.0, "4", True, None),
        "sha256": ("0" * 64, "A" * 64, "", None, 3),
        "name": ("../x", "/etc/passwd", "arrays/01.npy", "manifest.json", "x\0y", "", None, "estimator.json"),
        "fortran": (None, 1, "yes"),
        "more": (1,),
    }.items():
        for value in values:
            write(f"{key} {str(value)[:12]}", lambda manifest, k=key, v=value: first_array(manifest).update({k: v}))
    upper = sealed(parts)
    document = json.loads(upper[MANIFEST])
    for part in document["parts"]:
        part["sha256"] = part["sha256"].upper()
    write_parts(folder / "sha256 in upper case", {**upper, MANIFEST: json.dumps(document).encode()})
    write("sha256 lacks", lambda manifest: first_array(manifest).pop("sha256"))
    for value in (3, 99, "2", True, 2.0, None, [2], 10**400):
        write(f"format {str(value)[:10]}", lambda manifest, v=value: manifest.update(format=v))
    write("format lacks", lambda manifest: manifest.pop("format"))
    for value in (None, [], {"a": 1}, {"a" * 100: "1"}, {"sk_cifar_ovr": "1; rm -rf"}):
        write(f"versions {str(value)[:20]}", lambda manifest, v=value: manifest.update(versions=v))
    write("parts twice", lambda manifest: manifest["parts"].extend(manifest["parts"]))
    write("parts lack", lambda manifest: manifest.update(parts=[]))
    write("parts are none", lambda manifest: manifest.update(parts={"a": 1}))
    whole = sealed(parts)[MANIFEST]
    for name, content in {
        "manifest is a list": b"[]",
        "manifest is null": b"null",
        "manifest is empty": b"",
        "a key twice": whole[:-1] + b',"format":2}',
        "NaN in the manifest": whole[:-1] + b',"x":NaN}',
        "a huge number in the manifest": whole[:-1] + b',"x":1e999}',
        "many digits in the manifest": whole[:-1] + b',"x":' + b"9" * 5000 + b"}",
        "deep manifest": whole[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep objects": whole[:-1] + b',"x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        "wide manifest": whole[:-1] + b',"x":[' + b"[]," * 3_000_000 + b"1]}",
        "no UTF-8": b"\xff\xfe" + whole,
    }.items():
        write_parts(folder / name, {**parts, MANIFEST: content})
    pickled = npy(np.array([Runs()], object))
    header = parts[arrays[0]][:128].replace(b"'descr': '", b"'descr': __import__('os').system('touch x') or '")
    write_parts(folder / "a pickle in npy", sealed({**parts, arrays[0]: pickled}))
    write_parts(folder / "code in a header", sealed({**parts, arrays[0]: header + parts[arrays[0]][128:]}))
    hdf5 = b"\x89HDF\r\n\x1a\n" + bytes(1000)
    write_parts(folder / "HDF5 as an array", sealed({**parts, arrays[0]: hdf5}))


def _changed_arrays(parts, change):
    """Parts with the values of all arrays of float32 changed, sealed."""
    changed = dict(parts)
    for name, content in parts.items():
        if name.endswith(".npy") and b"'<f4'" in content[:128]:
            array = np.load(io.BytesIO(content)).copy()
            change(array)
            changed[name] = npy(array)
    return sealed(changed)


def _documents(folder, path):
    def write(name, change):
        forge(path, folder / name, change)

    parts = parts_of(path)
    for value in (np.nan, np.inf, -np.inf):
        write_parts(folder / f"a weight is {value}", _changed_arrays(parts, lambda a, v=value: a.__setitem__(..., v)))

    def first(documents, kind):
        return next(each for each in documents if each.get("kind") == kind)

    def ovr(documents):
        return first(documents, "OneVsRestCNNClassifier")

    def clf(documents):
        return first(documents, "CNNClassifier")

    for value in (10**6, -(10**6), 10**30, 1.5, "all", [1]):
        write(f"n_jobs {value}", lambda documents, v=value: ovr(documents)["params"].update(n_jobs=v))
    for name in (
        "os:system",
        "builtins:eval",
        "builtins:exec",
        "subprocess:Popen",
        "keras.utils:get_file",
        "keras.saving:load_model",
        "keras.src.saving.saving_lib:load_model",
        "sk_cifar_ovr.cli:main",
        "sk_cifar_ovr.__main__:main",
        "sk_cifar_ovr.persistence:load",
        "sklearn.datasets:fetch_openml",
        "sklearn.metrics:__builtins__",
        "sk_cifar_ovr.networks._registry:inspect.os.system",
        "keras.src.layers.core.lambda_layer:python_utils.func_load",
        "antigravity:x",
        "a b:c",
        ":",
        "",
    ):
        write(f"builder {name}", lambda documents, n=name: clf(documents)["params"].update(model={"import": n}))
        unfitted = {"estimator": {"import": name, "params": {"command": f"touch {SIGN}"}}}
        write(f"estimator {name}", lambda documents, u=unfitted: ovr(documents)["params"].update(sampler=u))
    for name in ("model.keras", f"{SIGN}.keras", "model.h5"):
        write(
            f"path {name[-8:]}",
            lambda documents, n=name: every(documents, lambda document: document["params"].update(model=n)),
        )
    for key, value in {
        "model__filters": {"tuple": [10**6, 10**6, 10**6]},
        "epochs": -1,
        "batch_size": 0,
        "model__nothing": 1,
        "nothing": 1,
        "random_state": -5,
        "loss": "nothing",
        "precision": "float8",
        "image_shape": {"part": 10**9},
        "class_weight": {"part": -1},
        "augment": {"part": True},
        "callbacks": {"unknown": 1},
        "schedule": {"a": 1, "b": 2},
        "verbose": [[]],
    }.items():
        write(
            f"parameter {key}",
            lambda documents, k=key, v=value: every(documents, lambda document: document["params"].update({k: v})),
        )

    def network(documents, **changes):
        every(documents, lambda document: document["fitted"]["network"].update(changes))

    for key, values in {
        "shape": ([10**6, 10**6, 3], [8, 8], [], [0, 8, 1], [8, 8, -1], "abc", [[8], 8, 1]),
        "scale": (0, -1.0, "1", None, {"float": "inf"}),
        "precision": ("float8", 3, []),
        "n_heads": (10**9, -1, 0, "1"),
        "mirror": (3, None),
        "shift": (10**6, -1, 8, 1.0),
        "state": ([], [0], [-1], ["0"], None, [10**9], [[0]]),
        "optimizer": ({"kind": "Adam"}, {"kind": "Adam", "values": [-1]}, 3),
        "structure": (0, 10**9, "x"),
    }.items():
        for value in values:
            write(f"network {key} {str(value)[:20]}", lambda documents, k=key, v=value: network(documents, **{k: v}))
    write(
        "network state reversed",
        lambda documents: every(documents, lambda document: document["fitted"]["network"]["state"].reverse()),
    )
    for key, values in {
        "thresholds": (None, {"list": [0.5]}, {"array": 0}, 3),
        "classes": (
            None,
            {"list": ["a", "b", "c"]},
            {"objects": [1, 1, 1], "shape": [3]},
            {"objects": [1], "shape": [10**9]},
        ),
        "estimators": ([], None, [{"part": 0}], [None, None, None]),
        "history": ({}, None, {"loss": "x"}, {"loss": [{"float": "x"}]}, {"loss": [{"list": []}]}),
        "calibrators": ({"list": []}, {"list": [1, 2, 3]}, {"list": [{"dict": [["isotonic", {"list": []}]]}] * 3}),
        "promises": ({"list": []}, 3),
        "searches": ({"list": []}, 3),
        "multilabel": (3, "yes", None),
        "n_features_in_": (0, -1, 63, "64", 10**30, True),
        "choices": ({"__class__": 3}, {"fit": 1}, None),
        "feature_names_in_": ({"list": []}, {"array": 0}),
        "joint": ({}, 3),
    }.items():
        for value in values:
            write(
                f"fitted {key} {str(value)[:30]}",
                lambda documents, k=key, v=value: ovr(documents)["fitted"].update({k: v}),
            )
    for key, value in {
        "kind": "os.system",
        "fitted": 3,
        "params": None,
        "requests": {"fit": {"a": []}},
        "output": "os",
    }.items():
        write(f"document {key}", lambda documents, k=key, v=value: ovr(documents).update({k: v}))
    write("request of no method", lambda documents: ovr(documents).update(requests={"__class__": {"a": True}}))

    def one_part_many_times(documents):
        fitted = ovr(documents)["fitted"]
        fitted["estimators"] *= 10_000
        fitted["joint"]["n_heads"] = len(fitted["estimators"])
        fitted["classes"] = {"objects": list(range(len(fitted["estimators"]))), "shape": [len(fitted["estimators"])]}
        fitted["thresholds"] = {"array": 0}

    write("one network many times", one_part_many_times)
    large = {"class_name": "Dense", "config": {"units": 10**9}, "build_config": {"input_shape": [None, 10**6]}}
    for name, layer in {
        "a built layer": {**large, "module": "keras.layers", "registered_name": None},
        "a model": {
            "class_name": "Sequential",
            "module": "keras",
            "registered_name": None,
            "config": {
                "name": "x",
                "layers": [
                    {
                        "class_name": "InputLayer",
                        "module": "keras.layers",
                        "registered_name": None,
                        "config": {"batch_shape": [None, 10**6], "name": "i"},
                    },
                    {**large, "module": "keras.layers", "registered_name": None},
                ],
            },
        },
    }.items():
        write(
            f"augment {name}", lambda documents, layer=layer: clf(documents)["params"].update(augment={"keras": layer})
        )
    write("no documents", lambda documents: [])
    write("documents are none", lambda documents: {"a": 1})
    write("a document is none", lambda documents: [3])
    write("an object inside itself", lambda documents: [{"kind": "value", "value": {"list": [{"part": 0}]}}])
    chain = [{"kind": "value", "value": {"list": [{"part": i + 1}] * 2}} for i in range(1000)]
    write("a long chain", lambda documents: [*chain, {"kind": "value", "value": 1}])
    write("not an estimator", lambda documents: [{"kind": "value", "value": {"list": []}}])
    write("an estimator that is not fitted", lambda documents: [{**ovr(documents), "fitted": None}, *documents[1:]])

    # Python's own JSON cannot write so deep.
    parts[DOCUMENT] = b'{"documents":[{"kind":"value","value":' + b'{"list":[' * 50_000 + b"1" + b"]}" * 50_000 + b"}]}"
    write_parts(folder / "deep document", sealed(parts))
    parts[DOCUMENT] = b'{"documents":[' + b"{}," * 2_000_000 + b"{}]}"
    write_parts(folder / "wide document", sealed(parts))
    parts[DOCUMENT] = b'{"documents":[NaN]}'
    write_parts(folder / "NaN in the document", sealed(parts))
    for kind in ("norm", "rv_continuous", "test", "__class__", "os", 3):
        distribution = {"distribution": {"name": kind, "arguments": [1, 2, 3, 4], "options": {}}}
        write(f"distribution {kind}", lambda documents, d=distribution: ovr(documents)["params"].update(threshold=d))


def _scikit_learn(folder, path):
    def write(name, change):
        def changed(documents):
            document = next(each for each in documents if each.get("kind") == "scikit-learn")
            change(document)

        forge(path, folder / f"skops {name}", changed)

    def attributes(document):
        return document["schema"]["content"]["content"]

    numbers = itertools.count(10**6)

    def node(loader, kind, module, **more):
        return {"__loader__": loader, "__class__": kind, "__module__": module, "__id__": next(numbers), **more}

    text = node("JsonNode", "str", "builtins", content=json.dumps(f"touch {SIGN}"), is_json=True)
    arguments = node("TupleNode", "tuple", "builtins", content=[text])
    empty = node("DictNode", "dict", "builtins", content={}, key_types=node("ListNode", "list", "builtins", content=[]))
    for module, kind in (
        ("os", "system"),
        ("builtins", "eval"),
        ("posix", "system"),
        ("sklearn.datasets", "fetch_openml"),
    ):
        nodes = {
            "call": node("ConstructorFromReduceNode", kind, module, content=arguments),
            "function": node("FunctionNode", kind, module),
            "type": node("TypeNode", kind, module),
            "object": node("ObjectNode", kind, module, content=arguments),
            "partial": node(
                "PartialNode",
                "partial",
                "functools",
                content={
                    "func": node("FunctionNode", kind, module),
                    "args": arguments,
                    "kwds": empty,
                    "namespace": empty,
                },
            ),
            "loss": node("LossNode", kind, module, __reduce__={"args": arguments}, content=empty),
            "array": node("NdArrayNode", kind, module, type="numpy", file="0.npy"),
            "list": node("ListNode", kind, module, content=[]),
            "method": node("MethodNode", kind, module, content={"func": "system", "obj": arguments}),
            "operator": node("OperatorFuncNode", "methodcaller", "operator", attrs=arguments),
            "unknown": node("EvilNode", kind, module),
            "cached": {**node("CachedNode", kind, module), "__id__": 1},
        }
        for name, made in nodes.items():
            write(
                f"{name} {module}.{kind}",
                lambda document, made=made: attributes(document).update(n_jobs=copy.deepcopy(made)),
            )
    for kind in ("void", "bytes_", "object_", "dtype", "matrix", "memmap"):
        for loader in ("NdArrayNode", "ListNode", "ObjectNode", "DTypeNode"):
            made = node(loader, kind, "numpy", type="numpy", file="0.npy", content=arguments)
            write(f"numpy {kind} by {loader}", lambda document, m=made: attributes(document).update(n_jobs=m))
    sparse = node("ObjectNode", "csr_matrix", "scipy.sparse._csr", content=empty)
    write("sparse by attributes", lambda document: attributes(document).update(n_jobs=sparse))
    raw = node("BytearrayNode", "bytearray", "builtins", file="0.npy")
    write("bytearray", lambda document: attributes(document).update(n_jobs=raw))
    write("n_jobs", lambda document: attributes(document).update(n_jobs={**text, "content": "1000000"}))
    write("parameter", lambda document: attributes(document).update(n_neighbors={**text, "content": "-5"}))
    for content in ("[" * 1000 + "]" * 1000, "{}", "[1]", "nul", "9" * 1000, "1e999", 3, None):
        write(
            f"value {str(content)[:8]}",
            lambda document, c=content: attributes(document).update(n_jobs={**text, "content": c}),
        )
    write("protocol 0", lambda document: document["schema"].update(protocol=0))
    write("protocol 99", lambda document: document["schema"].update(protocol=99))
    write("protocol", lambda document: document["schema"].update(protocol=True))
    write("no schema", lambda document: document.update(schema=3))
    write("no files", lambda document: document.update(files=[]))
    write("a file lacks", lambda document: document["files"].clear())
    write("files outside", lambda document: document["files"].update({"../../x.npy": 0, "/tmp/x": 0}))
    write("a node lacks a class", lambda document: attributes(document)["n_jobs"].pop("__class__"))
    write("class of another type", lambda document: attributes(document)["n_jobs"].update(__class__=["a"]))

    def laughs(document):
        """Each list holds the one before twice, by its number."""
        inner = node("ListNode", "list", "builtins", content=[])
        made = []
        for i in range(60):
            stub = {**node("ListNode", "list", "builtins", content=[]), "__id__": 10**7 + i}
            made.append({**inner, "__id__": 10**7 + i + 1, "content": [stub, stub]})
        attributes(document)["n_jobs"] = node("ListNode", "list", "builtins", content=made)

    write("laughs", laughs)

    def itself(document):
        number = document["schema"]["__id__"]
        attributes(document)["n_jobs"] = {**node("ListNode", "list", "builtins", content=[]), "__id__": number}

    write("contains itself", itself)
    reference = ("Reference", "sk_cifar_ovr.persistence.scikit_learn._references")
    for number in ("-1", "999999", "true", '"0"', "0", "1.0"):
        call = node(
            "ConstructorFromReduceNode",
            *reference,
            content=node("TupleNode", "tuple", "builtins", content=[{**text, "content": number}]),
        )
        write(f"reference {number}", lambda document, call=call: attributes(document).update(n_jobs=call))
    write("reference as object", lambda document: attributes(document).update(n_jobs=node("ObjectNode", *reference)))
    write(
        "not fitted",
        lambda document: [attributes(document).pop(name) for name in list(attributes(document)) if name.endswith("_")],
    )


def _keras(folder, path):
    def write(name, change):
        def changed(documents):
            structure = next(each for each in documents if each.get("kind") == "structure")
            change(structure["config"])

        forge(path, folder / f"Keras {name}", changed)

    def dense(config):
        return next(part for part in config["config"]["layers"] if part["class_name"] == "Dense")

    code = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
    for name, changes in {
        "Lambda": {"class_name": "Lambda", "config": {"name": "x", "function": code}},
        "Lambda by its module": {"class_name": "Lambda", "module": "keras.src.layers.core.lambda_layer"},
        "TFSMLayer": {"class_name": "TFSMLayer", "config": {"filepath": "/etc", "name": "x"}},
        "StringLookup": {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd", "name": "x"}},
        "TextVectorization": {"class_name": "TextVectorization", "config": {"vocabulary": "/etc/passwd"}},
        "TorchModuleWrapper": {"class_name": "TorchModuleWrapper", "config": {"module": "x"}},
        "os.system": {"class_name": "system", "module": "os"},
        "get_file": {"class_name": "function", "module": "keras.utils", "config": "get_file"},
        "get_file by source": {"class_name": "get_file", "module": "keras.src.utils.file_utils"},
        "load_model": {"class_name": "function", "module": "keras.saving", "config": "load_model"},
        "builtins": {"class_name": "function", "module": "builtins", "config": "eval"},
        "no class": {"class_name": None},
        "unknown class": {"class_name": "Nothing"},
        "no module": {"module": None, "class_name": "system"},
        "typespec": {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "os", "registered_name": "x"},
        "lambda as value": code,
        "large value": {"class_name": "__numpy__", "config": {"value": "a", "dtype": "<U999999999"}},
    }.items():
        write(name, lambda config, c=changes: dense(config).update(c))
    write("activation", lambda config: dense(config)["config"].update(activation=code))
    write(
        "initializer",
        lambda config: dense(config)["config"].update(
            kernel_initializer={
                "module": "os",
                "class_name": "system",
                "config": {"command": f"touch {SIGN}"},
                "registered_name": None,
            }
        ),
    )
    for units in (10**7, 10**12, 10**30, -1, "x", None):
        write(f"units {units}", lambda config, u=units: dense(config)["config"].update(units=u))
    write("unrolled", lambda config: dense(config)["config"].update(unroll=True))
    write("compilation", lambda config: config.update(compile_config={"optimizer": "adam"}))
    write("no layers", lambda config: config["config"].update(layers=[]))
    write("layers are none", lambda config: config.update(config=3))
    write(
        "not a model",
        lambda config: (config.clear(), config.update(class_name="Dense", module="keras.layers", config={"units": 3})),
    )
    identity = {"class_name": "Identity", "module": "keras.layers", "config": {}}
    write("many layers", lambda config: config["config"]["layers"].extend([identity] * 3_000))
    write("many objects", lambda config: config["config"].update(x=[{"class_name": "Dense"}] * 60_000))
