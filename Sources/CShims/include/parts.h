#ifndef SHIM_PARTS_H
#define SHIM_PARTS_H

/// The parts that are linked into an executable of a release, as `NAME VERSION, LICENCE` with semicolons between; else
/// empty.
const char *shim_linked_parts(void);

#endif
