# Windows on 64-bit x86, with MinGW-w64's headers and libraries.
TRIPLE=x86_64-unknown-windows-gnu
PLATFORM=windows
# What Swift calls it in the names of folders.
SWIFT_PLATFORM=mingw
ARCHITECTURE=x86_64
POINTER=8
RUNTIME=build

CMAKE_SYSTEM=Windows
CMAKE_PROCESSOR=AMD64
# Settles a clash between clang's and MinGW's cpuid.h.
C_FLAGS='-D__INTRINSIC_DEFINED___cpuidex'
# Else everything is looked for behind __imp_.
SWIFT_C_FLAGS='-DSWIFT_STATIC_STDLIB'
# clang's mm_malloc.h is a module that has MinGW's malloc.h in it, which would then be there twice.
IMPORT_FLAGS='-D__MM_MALLOC_H'
CXX_FLAGS='-include cstdint -include io.h'
LIBRARIES='-ldbghelp -lshlwapi -lbcrypt -luser32 -lsynchronization -lole32 -lrpcrt4 -lpsapi -lntdll -lssp'

SYSROOT_SUITE=trixie
SYSROOT_ARCHITECTURE=amd64
MINGW=x86_64-w64-mingw32
SYSROOT_PACKAGES='mingw-w64-common mingw-w64-x86-64-dev gcc-mingw-w64-x86-64-win32 g++-mingw-w64-x86-64-win32'
STATIC_LIBRARIES=
SUFFIX=.exe

RUN=run_in_wine
