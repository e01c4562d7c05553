"""The bill of materials (CycloneDX 1.5) of the program, out of `cargo metadata` on standard input.

Only what is linked stands in it: normal dependencies, without those of builds and tests.
"""
import json, os, re, sys, time

metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
lock = open("Cargo.lock").read()
sums = dict(
    ((name, version), digest)
    for name, version, digest in re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = .*\nchecksum = "(.*)"', lock)
)


def linked(node):
    """The dependencies of a package that are part of the program."""
    return sorted(dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"]))


def reference(id):
    return "pkg:cargo/{name}@{version}".format(**packages[id])


def component(id, kind):
    package = packages[id]
    entry = {"type": kind, "bom-ref": reference(id), "name": package["name"], "version": package["version"], "purl": reference(id)}
    if package["license"]:
        entry["licenses"] = [{"expression": re.sub("(?<=[^ ])/(?=[^ ])", " OR ", package["license"])}]
    digest = sums.get((package["name"], package["version"]))
    if digest:
        entry["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return entry


root, seen, waiting = metadata["resolve"]["root"], set(), [metadata["resolve"]["root"]]
while waiting:
    id = waiting.pop()
    if id not in seen:
        seen.add(id)
        waiting += linked(nodes[id])
when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
others = sorted(seen - {root}, key=reference)
json.dump(
    {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": when, "component": component(root, "application")},
        "components": [component(id, "library") for id in others],
        "dependencies": [{"ref": reference(id), "dependsOn": [reference(dep) for dep in linked(nodes[id])]} for id in [root, *others]],
    },
    sys.stdout,
    indent=1,
    ensure_ascii=False,
)
