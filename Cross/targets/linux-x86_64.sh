# Linux on 64-bit x86: static executables. The toolchain has a runtime for it, too, but that has Dispatch in it.
TRIPLE=x86_64-unknown-linux-gnu
PLATFORM=linux
SWIFT_PLATFORM=linux
ARCHITECTURE=x86_64
POINTER=8
RUNTIME=build

CMAKE_SYSTEM=Linux
CMAKE_PROCESSOR=x86_64
C_FLAGS=
CXX_FLAGS='-include cstdint'
LIBRARIES=

SYSROOT_SUITE=trixie
SYSROOT_ARCHITECTURE=amd64
SYSROOT_MULTIARCH=x86_64-linux-gnu
SYSROOT_PACKAGES='libc6-dev linux-libc-dev libcrypt-dev libgcc-14-dev libstdc++-14-dev'
OPENSSL_TARGET=linux-x86_64-clang

RUN=
STATIC_LIBRARIES='-lcurl -lssl -lcrypto'
SUFFIX=
