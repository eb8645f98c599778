#!/usr/bin/env python3
"""Writes a list of what is in the artifacts, as SPDX 2.3 JSON.

    sbom.py VERSION TIME OUTPUT PARTS... -- ARTIFACTS...
    sbom.py --linked PARTS      prints what is linked into an executable in one line: NAME VERSION, LICENCE; ...

TIME is in seconds since 1970. PARTS are files named TARGET.parts with a line `name version sha256` for each part.
"""

import hashlib
import json
import pathlib
import re
import sys
import time

# What ends up in an executable, by the name in the list of parts; other parts only help to build.
LICENCES = {
    "swift-runtime": ("Apache-2.0 WITH Swift-exception", "Swift runtime"),
    "openssl": ("Apache-2.0", "OpenSSL"),
    "curl": ("curl", "libcurl"),
    "libc6-dev": ("LGPL-2.1-or-later", "GNU C library"),
    "libstdc++-14-dev": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++"),
    "libgcc-14-dev": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libgcc and libatomic"),
    "mingw-w64-i686-dev": ("ZPL-2.1", "MinGW-w64's runtime"),
    "mingw-w64-x86-64-dev": ("ZPL-2.1", "MinGW-w64's runtime"),
    "gcc-mingw-w64-i686-win32": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libgcc"),
    "gcc-mingw-w64-x86-64-win32": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libgcc"),
    "g++-mingw-w64-i686-win32": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++"),
    "g++-mingw-w64-x86-64-win32": ("GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++"),
}


def number(version: str) -> str:
    """The version in the name of a tarball; any other as it is."""
    found = re.search(r"_(\d+(\.\d+)+)\.orig\.tar", version)
    return found[1] if found else version


def linked(parts: pathlib.Path) -> str:
    """The line that the executable prints for `--version --verbose`."""
    found = []
    for line in parts.read_text().splitlines():
        name, version, _ = line.split()
        if name in LICENCES:
            licence, title = LICENCES[name]
            found.append(f"{title} {number(version)}, {licence}")
    return ";".join(found)


def identifier(text: str) -> str:
    return "SPDXRef-" + "".join(c if c.isalnum() or c in "-." else "-" for c in text)


def package(name: str, version: str, licence: str, summary: str, checksum: str = "") -> dict:
    entry = {
        "SPDXID": identifier(f"{name}-{version}"),
        "name": name,
        "versionInfo": version,
        "summary": summary,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }
    if len(checksum) == 64:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
    return entry


def main(arguments: list[str]) -> None:
    if arguments[0] == "--linked":
        print(linked(pathlib.Path(arguments[1])))
        return
    version, seconds, output = arguments[:3]
    rest = arguments[3:]
    split = rest.index("--")
    parts = [pathlib.Path(name) for name in rest[:split]]
    artifacts = [pathlib.Path(name) for name in rest[split + 1:]]

    packages: dict[str, dict] = {}
    relationships = []
    digests = hashlib.sha256()

    def relate(one: str, kind: str, other: str) -> None:
        relationships.append({"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other})

    for path in parts:
        agent = package(f"tat_agent-{path.stem}", version, "NOASSERTION", f"the agent for {path.stem}")
        packages[agent["SPDXID"]] = agent
        relate("SPDXRef-DOCUMENT", "DESCRIBES", agent["SPDXID"])
        for line in path.read_text().splitlines():
            name, part_version, checksum = line.split()
            if name not in LICENCES:
                continue
            part_version = number(part_version)
            part = package(name, part_version, *LICENCES[name], checksum)
            # One name and version of two architectures are two packages.
            part["SPDXID"] = identifier(f"{path.stem}-{name}-{part_version}")
            packages[part["SPDXID"]] = part
            relate(agent["SPDXID"], "STATIC_LINK", part["SPDXID"])

    files = []
    for path in artifacts:
        content = path.read_bytes()
        digests.update(content)
        files.append({
            "SPDXID": identifier(f"file-{path.name}"),
            "fileName": f"./{path.name}",
            "checksums": [
                {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
            ],
            "licenseConcluded": "NOASSERTION",
            "copyrightText": "NOASSERTION",
        })
        relate("SPDXRef-DOCUMENT", "DESCRIBES", files[-1]["SPDXID"])

    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"tat_agent-{version}",
        "documentNamespace": f"urn:tat_agent:{version}:{digests.hexdigest()}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds))),
            "creators": ["Tool: Cross/lib/sbom.py"],
        },
        "packages": list(packages.values()),
        "files": files,
        "relationships": relationships,
    }
    pathlib.Path(output).write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
