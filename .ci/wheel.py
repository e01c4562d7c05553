"""Makes a wheel that installs the program, its man pages and completions: wheel.py PROGRAM VERSION ABOUT PLATFORM FOLDER.

A wheel is a zip with a list of its files. It is made here and not by maturin, so that it holds the program that
every other artefact holds, and the same bytes each time.
"""
import base64, hashlib, os, pathlib, sys, time, zipfile

program, version, about, platform, folder = sys.argv[1:]
stamp = max(time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6], (1980, 1, 1, 0, 0, 0))
info, data = f"wsio-{version}.dist-info", f"wsio-{version}.data"
tag = f"py3-none-{platform}"
readme = pathlib.Path("README.md").read_text()
files = {f"{data}/scripts/wsio": pathlib.Path(program).read_bytes()}
for page in sorted(pathlib.Path("man").iterdir()):
    files[f"{data}/data/share/man/man{page.suffix[1:]}/{page.name}"] = page.read_bytes()
for name, place in [
    ("wsio.bash", "bash-completion/completions/wsio"),
    ("_wsio", "zsh/site-functions/_wsio"),
    ("wsio.fish", "fish/vendor_completions.d/wsio.fish"),
]:
    files[f"{data}/data/share/{place}"] = pathlib.Path("completions", name).read_bytes()
for licence in ["LICENSE-APACHE", "LICENSE-MIT"]:
    files[f"{info}/licenses/{licence}"] = pathlib.Path(licence).read_bytes()
files[f"{info}/METADATA"] = (
    f"Metadata-Version: 2.4\nName: wsio\nVersion: {version}\nSummary: {about}\n"
    "License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n"
    f"Requires-Python: >=3.7\nDescription-Content-Type: text/markdown\n\n{readme}"
).encode()
tags = "".join(f"Tag: py3-none-{one}\n" for one in platform.split("."))
files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: wsio\nRoot-Is-Purelib: false\n{tags}".encode()
record = ""
for name, content in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record += f"{name},sha256={digest},{len(content)}\n"
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
with zipfile.ZipFile(f"{folder}/wsio-{version}-{tag}.whl", "w") as wheel:
    for name, content in files.items():
        entry = zipfile.ZipInfo(name, stamp)
        entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        wheel.writestr(entry, content, compresslevel=9)
