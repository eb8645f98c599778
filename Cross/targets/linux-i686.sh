# Linux on 32-bit x86: static executables for any distribution with the kernel that glibc asks for.
TRIPLE=i686-unknown-linux-gnu
PLATFORM=linux
SWIFT_PLATFORM=linux
ARCHITECTURE=i686
POINTER=4
RUNTIME=build

CMAKE_SYSTEM=Linux
CMAKE_PROCESSOR=i686
# SSE2 is what Swift's own code generation asks for as well.
C_FLAGS='-march=pentium4 -mfpmath=sse -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64'
CXX_FLAGS='-include cstdint'
LIBRARIES='-latomic'

SYSROOT_SUITE=trixie
SYSROOT_ARCHITECTURE=i386
SYSROOT_MULTIARCH=i386-linux-gnu
SYSROOT_PACKAGES='libc6-dev linux-libc-dev libcrypt-dev libgcc-14-dev libstdc++-14-dev'
OPENSSL_TARGET=linux-x86-clang

# An x86-64 kernel runs these as they are.
RUN=
STATIC_LIBRARIES='-lcurl -lssl -lcrypto'
SUFFIX=
