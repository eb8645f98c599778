#!/usr/bin/env python3
"""Edits the sources of the Swift runtime in place for the targets its authors do not build.

Each edit names a file, the exact text, what it becomes, and how often the text must be there. Nothing is written unless
every edit applies, so a source tree is either edited whole or not at all.
"""

import pathlib
import sys

EDITS = [
    # Dispatch's executors are compiled for each system although another one is chosen: an ambiguous factory.
    ("Runtimes/Core/Concurrency/CMakeLists.txt",
     "  PlatformExecutorDarwin.swift\n  PlatformExecutorLinux.swift\n  PlatformExecutorFreeBSD.swift\n"
     "  PlatformExecutorOpenBSD.swift\n  PlatformExecutorWindows.swift\n",
     "", 1),
    # On 32 bits every `once` shares one mutex: a nested one would wait for itself.
    ("lib/Threading/Linux.cpp",
     "once_mutex = PTHREAD_MUTEX_INITIALIZER;",
     "once_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;", 1),
    # The 16-byte intrinsics are Visual C++'s, not MinGW's.
    ("include/swift/Runtime/Atomic.h",
     "#if defined(_WIN64)\n",
     "#if defined(_WIN64) && defined(_MSC_VER)\n", 2),
    # MinGW declares vprintf with another linkage.
    ("stdlib/public/SwiftShims/swift/shims/LibcShims.h",
     "    extern int vprintf(const char * __restrict, va_list);\n",
     "#if defined(__MINGW32__)\n#define vprintf __builtin_vprintf\n#else\n"
     "    extern int vprintf(const char * __restrict, va_list);\n#endif\n", 1),
    # Windows calls this one: on i686 that is another calling convention, which a lambda has to be given.
    ("stdlib/public/stubs/ThreadLocalStorage.cpp",
     "[](void *pointer) {",
     "[](void *pointer)\n#if defined(_WIN32) && defined(__i386__)\n"
     "                        __attribute__((stdcall))\n#endif\n                        {", 2),
    # Without Microsoft's extensions the section pragmas are ignored, and no image registers its metadata.
    ("Runtimes/Core/runtime/CMakeLists.txt",
     "  add_library(swiftrtT OBJECT SwiftRT-COFF.cpp)\n",
     "  set_source_files_properties(SwiftRT-COFF.cpp PROPERTIES COMPILE_OPTIONS -fms-extensions)\n"
     "  add_library(swiftrtT OBJECT SwiftRT-COFF.cpp)\n", 1),
]


def main(root: pathlib.Path) -> int:
    edited: dict[pathlib.Path, str] = {}
    failures = []
    for name, old, new, count in EDITS:
        path = root / name
        try:
            text = edited.get(path) or path.read_text()
        except OSError as error:
            failures.append(f"{name}: {error.strerror}")
            continue
        found = text.count(old)
        if found != count:
            failures.append(f"{name}: {found} instead of {count} times: {old.strip().splitlines()[0]!r}")
            continue
        edited[path] = text.replace(old, new)
    for failure in failures:
        print("no longer matches:", failure, file=sys.stderr)
    if failures:
        print("These sources are not the ones that Cross/lib/edit_runtime.py was written for: update its EDITS.",
              file=sys.stderr)
        return 1
    for path, text in edited.items():
        path.write_text(text)
    print(f"{len(EDITS)} edits in {len(edited)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
