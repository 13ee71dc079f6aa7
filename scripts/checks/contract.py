#!/usr/bin/env python3
"""crates/api/contract/fields.json: names and types of the fields of every published operation that is built. Fails when it is not what
the published documents say; `make contract` (--write) writes it anew.

The documents are committed beside it: openapi.json, and sdk.json with operations that are newer. To take a newer one over, put it there
and run `make contract`: it is kept with one line per operation and per schema, so that a change can be read. Which operations are
built, docs/openapi.json says.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "crates" / "api" / "contract"


def main():
    write = sys.argv[1:] == ["--write"]
    openapi, sdk = read(CONTRACT / "openapi.json"), read(CONTRACT / "sdk.json")
    built = operations_of(read(ROOT / "docs" / "openapi.json"))
    texts = {
        CONTRACT / "openapi.json": by_lines(openapi, 3),
        CONTRACT / "sdk.json": by_lines(sdk, 2),
        CONTRACT / "fields.json": json.dumps(excerpt(openapi, sdk, built), indent=1, sort_keys=True) + "\n",
    }
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if write:
            path.write_text(texts[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
        else:
            print(f"{path.relative_to(ROOT)} is out of date: write it anew with `make contract`")
    return 1 if stale and not write else 0


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def by_lines(value, depth):
    """Compact JSON, with a line for each member of the outer `depth` levels."""

    def lines(value, depth, indent):
        if depth == 0 or not isinstance(value, dict) or not value:
            return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        members = (f"{indent} {json.dumps(key)}: {lines(value[key], depth - 1, indent + ' ')}" for key in sorted(value))
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"

    return lines(value, depth, "") + "\n"


def operations_of(document):
    """Operations by method and path, as the contract writes it: without the prefix of the version."""
    methods = ("get", "post", "put", "delete", "patch")
    return {
        (method.upper(), path.removeprefix("/v1")): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in methods
    }


def excerpt(openapi, sdk, built):
    ids = {route: operation["operationId"] for route, operation in built.items()}
    published = {operation["operationId"]: operation for operation in operations_of(openapi).values() if "operationId" in operation}
    documents = Schemas(openapi["components"]["schemas"], ""), Schemas(sdk["$defs"], "sdk.")
    # Whatever a document calls the parameters of its paths.
    of_sdk = {unnamed(route): operation for route, operation in sdk["operations"].items()}
    operations = {}
    for route, name in ids.items():
        if name in published:
            operations[name] = bodies_of_openapi(published[name], documents[0])
        elif (operation := of_sdk.get(unnamed(" ".join(route)))) is not None:
            operations[name] = bodies_of_sdk(route, operation, documents[1])
    return {"operations": operations, "schemas": documents[0].seen | documents[1].seen}


def unnamed(route):
    return re.sub(r"\{[^}]*\}", "{}", route)


def bodies_of_openapi(operation, schemas):
    def json_body(holder):
        return holder.get("content", {}).get("application/json", {}).get("schema")

    answers = (answer for status, answer in sorted(operation["responses"].items()) if status.startswith("2"))
    bodies = {"request": json_body(operation.get("requestBody", {})), "response": next(filter(None, map(json_body, answers)), None)}
    return {word: schemas.word(schema) for word, schema in bodies.items() if schema}


def bodies_of_sdk(route, operation, schemas):
    """The client's own types: a request holds parameters of path and query, and the body as such or as the rest."""
    method, path = route
    bodies = {}
    request = schemas.all.get(operation["request"], {}).get("properties", {})
    if "body" in request:
        bodies["request"] = schemas.word(request["body"])
    elif request and method not in ("GET", "DELETE") and "{" not in path:
        bodies["request"] = schemas.word_of(operation["request"])
    if operation["response"]:
        bodies["response"] = schemas.word_of(operation["response"])
    return bodies


class Schemas:
    """The schemas of a document, and in `seen` those that were asked for, with all that they name."""

    def __init__(self, schemas, prefix):
        self.all, self.prefix, self.seen = schemas, prefix, {}

    def word(self, schema):
        """A type in a word: `string`, `array<number>`, `map<string>`, `#Schema`, `any`."""
        if "$ref" in schema:
            return self.word_of(schema["$ref"].rsplit("/", 1)[1])
        for alternatives in ("allOf", "anyOf", "oneOf"):
            others = [other for other in schema.get(alternatives, []) if other.get("type") != "null"]
            if len(others) == 1:
                return self.word(others[0])
        kind = schema.get("type", "any")
        if kind == "array":
            return f"array<{self.word(schema.get('items', {}))}>"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"map<{self.word(schema['additionalProperties'])}>"
        return kind

    def word_of(self, name):
        schema = self.all[name]
        if not schema.get("properties"):
            return self.word(schema)
        key = self.prefix + name
        if key not in self.seen:
            # Before its fields: a schema may name itself.
            entry = self.seen[key] = {"required": sorted(schema.get("required", []))}
            entry["fields"] = {field: self.word(inner) for field, inner in schema["properties"].items()}
        return f"#{key}"


if __name__ == "__main__":
    sys.exit(main())
