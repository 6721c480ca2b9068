#!/usr/bin/env python3
"""Writes api.json: what AWS's own API models say of the operations that the graph and the steps need.

    python3 -m venv venv && venv/bin/pip install botocore==1.44.8
    venv/bin/python test/standins/aws/models/extract.py

The models are botocore's service definitions (Apache-2.0). Kept of each member: its type, whether it is required, its allowed values, pattern and
bounds; dropped: documentation, and members that operations.json does not name.
"""
import json
import pathlib

import botocore
import botocore.loaders

HERE = pathlib.Path(__file__).parent
WANTED = json.loads((HERE / "operations.json").read_text())
loader = botocore.loaders.Loader()


def shape(model, name, wanted, seen=()):
    found = model["shapes"][name]
    kind = found["type"]
    kept = {"type": kind}
    for key in ("enum", "pattern", "min", "max"):
        if key in found:
            kept[key] = found[key]
    if kind == "structure":
        members = found.get("members", {})
        unknown = [key for key in wanted if key not in members]
        if unknown:
            raise SystemExit(f"{name} has no {', '.join(unknown)}: it has {', '.join(members)}")
        kept["required"] = found.get("required", [])
        kept["members"] = {key: shape(model, members[key]["shape"], inner) for key, inner in wanted.items()}
    elif kind == "list":
        kept["member"] = shape(model, found["member"]["shape"], wanted)
    elif kind == "map":
        kept["value"] = shape(model, found["value"]["shape"], wanted)
    return kept


def main():
    operations = {}
    for service, wanted in WANTED.items():
        model = loader.load_service_model(service, "service-2")
        for operation, members in wanted.items():
            name = model["operations"][operation]["input"]["shape"]
            operations[f"{service}:{operation}"] = shape(model, name, members)
    text = json.dumps({"botocore": botocore.__version__, "operations": operations}, indent=1, sort_keys=True)
    (HERE / "api.json").write_text(text + "\n")


main()
